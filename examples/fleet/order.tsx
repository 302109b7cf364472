/**
 * The page of one order: where the courier who brings it is, where it came by, and how old that is. It promises no time of arrival,
 * since nobody knows one. It follows one courier; the others are none of the customer's business.
 */
import type { TimelineItem } from '@syncline/client';
import { useEffect } from 'preact/hooks';
import { Condition, type Followed } from './card.tsx';
import type { Place } from './channels.ts';
import { client, couriers, useStore } from './client.ts';
import { spotOf } from './couriers.ts';
import { lengthOf, metresOf, spanOf } from './words.ts';

/** As many corners as the trail keeps. */
const trailMax = 200;
/** Corners that lie further apart don't belong to one way. */
const [holeMs, holeMetres] = [150_000, 700];

/** The trails that were looked at. */
const timelines = new Map<string, ReturnType<typeof open>>();
const open = (name: string) => client.stream(`trail/${name}`).timeline({ pageSize: trailMax });
function trailOf(name: string) {
  const timeline = timelines.get(name) ?? open(name);
  timelines.set(name, timeline);
  return timeline;
}

/** What is known of the way up to now without a hole: nobody knows where it was in between. */
function unbroken(items: readonly TimelineItem<Place>[]): readonly TimelineItem<Place>[] {
  const hole = items.findLastIndex((item, i) => {
    const before = items[i - 1];
    if (!before) return false;
    return Number(item.at) - Number(before.at) > holeMs || metresOf([before.data, item.data]) > holeMetres;
  });
  return items.slice(Math.max(0, hole));
}

export function Order({ name, map, following, follow }: Followed) {
  const { items } = useStore(trailOf(name));
  const way = unbroken(items.slice(-trailMax));
  const corners = way.map(({ data }) => data);
  map.trail = corners.map((corner) => spotOf({ ...corner, heading: 0 }));
  useEffect(
    () => () => {
      map.trail = [];
    },
    [map],
  );
  const last = couriers.all.get(name)?.fix;
  const from = way[0]?.at ?? client.serverNow();
  return (
    <section class="card order panel" aria-label="Your order">
      <p class="eyebrow">Your order is with</p>
      <Condition name={name} map={map}>
        {corners.length > 1 && (
          <div>
            <dt>Came by</dt>
            <dd>
              {lengthOf(metresOf([...corners, ...(last ? [last] : [])]))} in{' '}
              {spanOf(Math.max(0, client.serverNow() - from))}
            </dd>
          </div>
        )}
      </Condition>
      <footer>
        <button type="button" aria-pressed={following} onClick={() => follow(!following)}>
          {following ? 'Following' : 'Follow'}
        </button>
        <a class="button" href="#all">
          All couriers
        </a>
      </footer>
      <small>
        There is no time of arrival here: nobody knows it. This is where the courier was, and when.
      </small>
    </section>
  );
}
