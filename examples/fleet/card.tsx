/**
 * What is known of one courier, in a card beside the map, told anew twice a second: fixes grow old while nothing arrives. The page
 * shows it for whom somebody picked, and the order page for its own. It must not know how fixes come.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { couriers } from './client.ts';
import type { FleetMap } from './map.ts';
import { spanOf, statusOf } from './words.ts';

const tickMs = 500;

/** Draws the component anew now and then. */
function useTick(): void {
  const [, redraw] = useState({});
  useEffect(() => {
    const timer = setInterval(() => redraw({}), tickMs);
    return () => clearInterval(timer);
  }, []);
}

export interface Followed {
  readonly name: string;
  readonly map: FleetMap;
  readonly following: boolean;
  readonly follow: (on: boolean) => void;
}

interface CardProps extends Followed {
  readonly close: () => void;
}

export function CourierCard({ name, map, following, follow, close }: CardProps) {
  return (
    <section class="card panel" aria-label={name}>
      <Condition name={name} map={map} />
      <footer>
        <button type="button" aria-pressed={following} onClick={() => follow(!following)}>
          {following ? 'Following' : 'Follow'}
        </button>
        <a class="button" href={`#order/${name}`}>
          Order page
        </a>
        <button type="button" class="close" aria-label="Close" onClick={close}>
          ×
        </button>
      </footer>
    </section>
  );
}

/** How a courier is, in words. */
export function Condition({
  name,
  map,
  children,
}: {
  name: string;
  map: FleetMap;
  children?: ComponentChildren;
}) {
  useTick();
  const courier = couriers.all.get(name);
  if (!courier) {
    return (
      <>
        <p class="name">{name}</p>
        <h2>No position yet</h2>
        <p>Nobody of this name said where they are since this page was opened.</p>
      </>
    );
  }
  const condition = couriers.conditionOf(courier);
  const ageMs = couriers.ageOf(courier);
  const [title, sentence] = statusOf(courier, condition, ageMs, map.streetOf(courier));
  return (
    <>
      <p class="name">{name}</p>
      <h2 class={condition}>{title}</h2>
      <p>{sentence}</p>
      <dl>
        <div>
          <dt>Last fix</dt>
          <dd>{spanOf(ageMs)} ago</dd>
        </div>
        {children}
      </dl>
    </>
  );
}
