/**
 * When silence is found: after three probes that nothing came of, by count and not by the clock. Time stands still unless the test
 * says so.
 */
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it, onTestFinished } from 'vitest';
import { Watch } from './watch.ts';

function watchAt() {
  const clock = fakeClock();
  const began = clock.now();
  const state = { asked: 0, published: 0, connected: true, hears: true, silences: [] as string[] };
  const watch = new Watch(clock, {
    ask: () => {
      if (state.connected) state.asked++;
      return state.connected;
    },
    publish: () => {
      if (state.connected && state.hears) state.published++;
      return state.connected && state.hears;
    },
    onSilence: (what, ms) =>
      state.silences.push(`${what} for ${ms} ms after ${Math.round(clock.now() - began)}`),
  });
  onTestFinished(() => watch.stop());
  return { clock, state, watch };
}

it('probes once a second, and is content with what comes back', async () => {
  const { clock, state, watch } = watchAt();
  for (let second = 0; second < 60; second++) {
    await clock.advance(1000);
    watch.answered();
    watch.heard();
  }
  expect([state.asked, state.published, state.silences]).toEqual([60, 60, []]);
});

it.each(['answers', 'announcements'] as const)('finds out within 5 s that there are no %s', async (what) => {
  const { clock, state, watch } = watchAt();
  for (let ms = 0; ms < 5000; ms += 100) {
    await clock.advance(100);
    if (what === 'answers') watch.heard();
    else watch.answered();
  }
  expect(state.silences).toHaveLength(1);
  expect(state.silences[0]).toMatch(new RegExp(`^${what} for 3000 ms after [34]\\d{3}$`));
});

it('counts from anew after each silence and with each new connection', async () => {
  const { clock, state, watch } = watchAt();
  await clock.advance(2500);
  watch.soon();
  await clock.advance(1500);
  expect(state.silences).toEqual([]);
  await clock.advance(20_000);
  expect(state.silences.length).toBeGreaterThan(3);
});

it('blames nobody while there is nothing to ask on', async () => {
  const { clock, state } = watchAt();
  state.connected = false;
  await clock.advance(30_000);
  state.connected = true;
  state.hears = false;
  await clock.advance(2000);
  expect([state.silences, state.published]).toEqual([[], 0]);
});

it('blames nobody for a pause of its own: the clock jumps, and one probe is missing', async () => {
  const { clock, state, watch } = watchAt();
  await clock.advance(1500);
  clock.setNow(clock.now() + 600_000);
  await clock.advance(1000);
  watch.answered();
  watch.heard();
  await clock.advance(2000);
  expect(state.silences).toEqual([]);
});

it('is quiet once it is stopped, even in the midst of a probe', async () => {
  const { clock, state, watch } = watchAt();
  await clock.advance(3000);
  const { asked } = state;
  watch.stop();
  watch.soon();
  await clock.advance(10_000);
  expect([state.asked, clock.timers]).toEqual([asked, 0]);
});
