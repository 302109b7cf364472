/**
 * Clients that time passes by: a machine that slept, a process that was stopped, a hidden tab whose timers come once a minute,
 * and a browser that says more than it knows. The socket says OPEN all the while; what counts is what is heard on it.
 */
import type { FakeClock } from '@syncline/protocol/testing';
import type { Clock } from '@syncline/protocol/wire';
import { expect, test } from 'vitest';
import { backoffMs, clientMs, cutMs, probeMs, serverMs } from './bounds.ts';
import { Rig, stepMs } from './rig.ts';
import type { Seat } from './seat.ts';

const minuteMs = 60_000;
const hoursMs = 60 * minuteMs;

const cameBack = ['stale', 'waiting: silent', 'connecting', 'open', 'recovered', 'catching-up', 'live'];

/** A client that sleeps for eight hours, and whose link dies meanwhile; the server has forgotten it, and written on. */
async function slept(): Promise<{ readonly rig: Rig; readonly seat: Seat }> {
  const rig = await Rig.start();
  const seat = await rig.join();
  await rig.publish();
  await rig.pass(10_000);
  seat.link.down.swallow();
  seat.link.up.swallow();
  await rig.pass(serverMs + cutMs, [seat]);
  expect(rig.server.metrics).toMatchObject({ sessionsOpen: 0, cursorsOpen: 0 });
  for (let i = 0; i < 5; i++) await rig.publish();
  seat.clock.setNow(seat.clock.now() + 8 * hoursMs);
  expect([seat.status, seat.story]).toEqual(['open', []]);
  return { rig, seat };
}

test('[H3] a link that died while the machine slept: woken by the browser, the client asks, and gives it up after four seconds', async () => {
  const { rig, seat } = await slept();
  seat.hint('wake');
  await rig.until('the client noticed', probeMs, () => seat.status !== 'open');
  await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
  expect(seat.story).toEqual(cameBack);
  await rig.agree(0);
  await rig.empties();
});

test('[H4] a link that died while the machine slept: where nobody wakes it, the client notices by its own clock', async () => {
  const { rig, seat } = await slept();
  await rig.until('the client noticed', clientMs, () => seat.status !== 'open');
  await rig.until('the client is back', backoffMs + stepMs, () => seat.status === 'open');
  expect(seat.story).toEqual(cameBack);
  await rig.agree(0);
  await rig.empties();
});

test('[H3] a link that outlived the sleep is kept: the client asks, is answered, and has what came meanwhile', async () => {
  const rig = await Rig.start();
  const seat = await rig.join();
  seat.link.down.hold();
  seat.link.up.hold();
  await rig.publish();
  await rig.pass(clientMs + stepMs, [seat]);
  seat.clock.setNow(seat.clock.now() + clientMs);
  seat.hint('wake');
  seat.link.up.pass();
  seat.link.down.pass();
  await rig.agree(0);
  await rig.pass(serverMs);
  expect([seat.story, seat.dialled]).toEqual([[], 1]);
  await rig.empties();
});

test.each([
  ['only listened', false],
  ['waited for an answer', true],
])(
  '[H4] a client that was stopped, and %s, reads what came before it judges, though its timers are overdue',
  async (_, asks) => {
    const rig = await Rig.start();
    const seat = await rig.join();
    await rig.pass(10_000);
    seat.link.down.hold();
    const stored = asks ? rig.send(seat) : undefined;
    await rig.publish();
    await rig.pass(clientMs + stepMs, [seat]);
    const { framesReceived } = rig.server.metrics;
    // What came lies where the system keeps it for the process, and the timer that would give the link up comes first.
    seat.link.down.pass();
    await seat.clock.advance(clientMs + stepMs);
    await stored;
    await rig.agree(0);
    expect([seat.story, seat.dialled]).toEqual([[], 1]);
    // What was stored is not sent again.
    expect(rig.server.metrics.framesReceived).toBe(framesReceived);
    await rig.empties();
  },
);

/** A page whose timers wait for the next full minute while it is in the background. */
class Page {
  hidden = true;

  readonly see = (clock: FakeClock): Clock => {
    const began = clock.now();
    const timer: Clock['timer'] = (ms, run) => {
      const due = clock.now() - began + ms;
      const late = this.hidden ? Math.ceil(due / minuteMs) * minuteMs : due;
      return clock.timer(late - (clock.now() - began), run);
    };
    return { ...clock, timer };
  };
}

test('[H4] a hidden tab, whose timers come once a minute, stays connected; a dead link it notices a minute later than others', async () => {
  const rig = await Rig.start();
  const page = new Page();
  const seat = await rig.join(page);
  for (let i = 0; i < 20; i++) {
    await rig.publish();
    await rig.pass(minuteMs / 2);
  }
  await rig.agree(0);
  expect([seat.story, seat.dialled]).toEqual([[], 1]);
  seat.link.down.swallow();
  await rig.publish();
  await rig.until('the client noticed', clientMs + minuteMs, () => seat.status !== 'open');
  expect(seat.story).toEqual(cameBack.slice(0, 2));
  // In view again it doesn't wait for the minute.
  page.hidden = false;
  seat.hint('wake');
  await rig.pass(stepMs);
  expect(seat.story.slice(-5)).toEqual(cameBack.slice(-5));
  await rig.agree(0);
  await rig.empties();
});

test('[H3] a storm of hints is one question on a link that lives, and one attempt a second where there is none', async () => {
  const rig = await Rig.start();
  const seat = await rig.join();
  const { framesReceived } = rig.server.metrics;
  const storm = () => {
    for (let i = 0; i < 500; i++) seat.hint(i % 2 ? 'wake' : 'offline');
  };
  storm();
  await rig.quiet();
  expect(rig.server.metrics.framesReceived).toBe(framesReceived + 1);
  await rig.pass(probeMs);
  expect([seat.story, seat.dialled]).toEqual([[], 1]);
  seat.proxy.refuse();
  seat.link.reset();
  await rig.quiet();
  const seconds = 20;
  for (let i = 0; i < seconds * 4; i++) {
    storm();
    await rig.pass(250);
  }
  const attempts = seat.story.filter((word) => word === 'connecting').length;
  expect(attempts).toBeGreaterThan(seconds / 2);
  // The waits by chance are shorter than a second at first, and seldom later: they come on top of those that hints cut to one.
  expect(attempts).toBeLessThanOrEqual(seconds + 5);
  seat.proxy.refuse(false);
  await rig.publish();
  await rig.agree(15_000);
  await rig.empties();
});
