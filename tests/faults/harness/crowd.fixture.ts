/**
 * The clients of a run as a process of their own, so that what is done to nodes and to the harness is not done to them. It gets
 * its plan as its argument and commands over the channel to its parent; each command is answered once it is carried out.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@syncline/protocol/testing';
import type { Answers, Command, CrowdPlan } from './crowd.ts';
import { Guest, type GuestPlan, readLogs } from './guest.ts';
import { monotonicMs, Recorder } from './history.ts';
import { names } from './names.ts';
import { Repeater } from './repeater.ts';

const plan = JSON.parse(process.argv[2] ?? '') as CrowdPlan;
const recorder = new Recorder(plan.file);
const random = seeded(plan.seed);
const rooms = [...plan.rooms];
const guests = new Map<string, Guest>();
let repeater: Repeater | undefined;
const delay = monitorEventLoopDelay({ resolution: 20 });
delay.enable();

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)];
}

function join(guest: GuestPlan): void {
  guests.set(guest.name, new Guest(guest, plan.rooms, recorder, plan.plant));
}

/** Publishes at that rate, each time as one of those who do; 0 ends it. */
let publishing: NodeJS.Timeout | undefined;
function publish(perSecond: number, fillingBytes: number): void {
  clearInterval(publishing);
  repeater?.publish(perSecond > 0);
  if (perSecond === 0) return;
  const since = monotonicMs();
  let published = 0;
  publishing = setInterval(() => {
    const authors = [...guests.values()].filter((guest) => guest.plan.publishes);
    for (; published < ((monotonicMs() - since) * perSecond) / 1000; published++)
      pick(authors)?.publish(pick(plan.rooms) ?? '', fillingBytes);
  }, 20);
}

/** What is still to come right. */
function left(): string[] {
  const all = [...guests.values()];
  const tops = new Map(
    rooms.map((room) => [room, Math.max(0, ...all.map(({ stands }) => stands.get(room) ?? 0))]),
  );
  const members = all.filter(({ plan }) => plan.enters).map(({ plan }) => plan.name);
  const open = repeater?.waiting ? ['the repeater has no answer'] : [];
  return [...open, ...all.flatMap((guest) => guest.left(tops, members.sort()))];
}

/** Waits until all has come right, and has stayed so for a moment in which more could have come. */
async function settle(withinMs: number): Promise<Answers['settle']> {
  const since = monotonicMs();
  let quietSince: number | undefined;
  for (;;) {
    const now = monotonicMs();
    const missing = left();
    if (missing.length > 0) quietSince = undefined;
    else quietSince ??= now;
    if (quietSince !== undefined && now - quietSince > 300) return { ms: quietSince - since, left: [] };
    if (now - since > withinMs) return { ms: now - since, left: missing };
    await sleep(20);
  }
}

async function tellEnd(nodes: Extract<Command, { do: 'logs' }>['nodes']): Promise<void> {
  for (const guest of guests.values()) guest.tellMembers();
  for (const at of nodes)
    for (const log of await readLogs(at, rooms))
      recorder.tell('crowd', { type: 'log', node: at.name, ...log });
}

/** Each new log gets a reader and, in the same moment, its first message; and one more when all readers have begun. */
async function race(logs: number): Promise<void> {
  const all = [...guests.values()].filter(({ plan }) => plan.publishes);
  const pairs = Array.from({ length: logs }, (_, i) => {
    const room = `chat/race${i}`;
    rooms.push(room);
    const author = pick(all);
    pick([...guests.values()])?.follow(room);
    author?.publish(room, 0);
    return { room, author };
  });
  await settle(30_000);
  for (const { room, author } of pairs) author?.publish(room, 0);
}

async function obey(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'join':
      for (const guest of command.guests) join(guest);
      return {};
    case 'repeat':
      repeater = new Repeater(command.name, command.ports, recorder);
      return {};
    case 'leave':
      guests.get(command.name)?.leave();
      guests.delete(command.name);
      return {};
    case 'publish':
      return publish(command.perSecond, command.fillingBytes);
    case 'settle':
      return settle(command.withinMs);
    case 'logs':
      return tellEnd(command.nodes);
    case 'resolve':
      return names.lead(command.to);
    case 'race':
      return race(command.logs);
    case 'finish':
      for (const guest of guests.values()) guest.close();
      repeater?.close();
      recorder.flush();
      return { longestMs: delay.max / 1e6 } satisfies Answers['finish'];
  }
}

process.on('message', (command: Command) => {
  obey(command).then(
    (answer) => process.send?.({ answer: answer ?? {} }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ answer: 'ready' });
