/**
 * A server that stood still: when it wakes its timers are overdue, and what clients sent meanwhile lies unread. It reads before
 * it judges (rule H4). Once on a clock of the test's own, step for step, and once with a process that is really stopped.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createClient } from '@syncline/client';
import { systemClock } from '@syncline/protocol/wire';
import { expect, onTestFinished, test } from 'vitest';
import { Bare } from './bare.ts';
import { serverMs } from './bounds.ts';
import { FaultProxy } from './proxy.ts';
import { Rig, stepMs } from './rig.ts';
import type { channels } from './seat.ts';

test('[H4] a server whose timers come late reads what came in before it ends a session', async () => {
  /** A client of which nothing is heard any more. */
  const silent = async () => {
    const rig = await Rig.start();
    const seat = await rig.join();
    seat.link.up.hold();
    return { rig, seat };
  };
  const first = await silent();
  const { metrics } = first.rig.server;
  const diesMs = await first.rig.until('it is ended', serverMs, () => metrics.sessionsSilent === 1);

  const { rig, seat } = await silent();
  await rig.pass(diesMs - stepMs);
  // Now its answers are there, unread, and the timer that would end it comes before they are looked at.
  seat.link.up.pass();
  await rig.clock.advance(stepMs);
  await rig.quiet();
  await rig.publish();
  await rig.agree(0);
  await rig.pass(serverMs);
  expect(rig.server.metrics).toMatchObject({ sessionsOpen: 1, sessionsSilent: 0 });
  expect([seat.story, seat.dialled]).toEqual([[], 1]);
});

/** A server process, one port per heartbeat. */
async function launch(...heartbeats: number[]): Promise<{ child: ChildProcess; ports: number[] }> {
  const script = fileURLToPath(new URL('./frozen.fixture.ts', import.meta.url));
  const execArgv = ['--disable-warning=ExperimentalWarning'];
  const child = fork(script, heartbeats.map(String), { execArgv });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [ports] = await once(child, 'message');
  return { child, ports };
}

function soon<T>(look: () => T) {
  return expect.poll(look, { timeout: 10_000, interval: 5 });
}

/** For how long the process is stopped. */
const frozenMs = 3000;
/** Sessions beat in so many groups, one after the other: one of each, and some group is the next to be judged. */
const groups = 16;

test.skipIf(process.platform === 'win32')(
  '[H4] a server process that is stopped for three seconds ends nobody when it goes on, and nobody leaves it',
  async () => {
    // Where the heartbeat is short, sessions are on their last breath; the SDK has more patience than the stop lasts.
    const { child, ports } = await launch(2000, 8000);
    const [port = 0, other = 0] = ports;
    const proxy = await FaultProxy.open(port, systemClock);
    onTestFinished(() => proxy.close());
    const bares = await Promise.all(
      Array.from({ length: groups }, (_, i) => Bare.join(proxy.port, `chat/${i}`)),
    );
    const client = createClient<typeof channels>({ url: `ws://127.0.0.1:${other}/sync` });
    onTestFinished(() => client.close());
    const got: number[] = [];
    const states: string[] = [];
    const room = client.stream('chat/lobby');
    room.onMessage(({ data }) => got.push(data.n));
    await soon(() => room.freshness.get().state).toBe('live');
    client.status.subscribe(() => states.push(client.status.get().state));

    // Two heartbeats of each stay without an answer. The next one would be the last.
    for (const bare of bares) bare.send({ type: 'heartbeat' });
    await soon(() => bares.every((bare) => bare.of('heartbeat').length > 0)).toBe(true);
    for (const { up } of proxy.links) up.hold();
    const counts = bares.map((bare) => bare.of('heartbeat').length + 2);
    await soon(() => bares.every((bare, i) => bare.of('heartbeat').length === counts[i])).toBe(true);
    await room.publish({ n: 0 });
    child.kill('SIGSTOP');
    const since = performance.now();
    for (const { up } of proxy.links) up.pass();
    for (const bare of bares) bare.publish({ n: 1 }, 1, 'chat/lobby');
    const sent = [1, 2, 3].map((n) => room.publish({ n }));
    const stoppedMs = () => performance.now() - since;
    await expect.poll(stoppedMs, { timeout: 2 * frozenMs }).toBeGreaterThan(frozenMs);
    // On a machine that was too busy to stop it in time the first of them may be gone.
    const late = bares.filter(({ over }) => over).length;
    expect(late).toBeLessThan(groups / 2);
    child.kill('SIGCONT');

    await soon(() => bares.filter((bare) => bare.of('ack').length === 1).length).toBe(groups - late);
    await Promise.all(sent);
    await soon(() => got).toEqual([0, 1, 2, 3]);
    expect([states, bares.filter(({ over }) => over).length]).toEqual([[], late]);
    const counted = once(child, 'message');
    child.send('counters');
    const [[short, long]] = await counted;
    expect(short).toMatchObject({ sessionsOpen: groups - late, sessionsSilent: late });
    expect(long).toMatchObject({ sessionsOpen: 1, sessionsOpened: 1, sessionsSilent: 0 });
  },
);
