/**
 * The clients of a run as a process of their own, so that what is done to nodes and to the harness is not done to them. It gets
 * its plan as its argument and commands over the channel to its parent; each command is answered once it is carried out.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '@syncline/protocol/testing';
import type { Answers, Command, CrowdPlan } from './crowd.ts';
import { Guest, type GuestPlan, readLogs, readPad } from './guest.ts';
import { monotonicMs, type Open, Recorder } from './history.ts';
import { names } from './names.ts';
import { probe } from './prober.ts';
import { Repeater } from './repeater.ts';
import { Stranger } from './stranger.ts';
import { moveClock } from './wallclock.ts';
import { Witness } from './witness.ts';

const plan = JSON.parse(process.argv[2] ?? '') as CrowdPlan;
const recorder = new Recorder(plan.file);
const random = seeded(plan.seed);
const rooms = [...plan.rooms];
const guests = new Map<string, Guest>();
let repeater: Repeater | undefined;
const strangers: Stranger[] = [];
const witnesses: Witness[] = [];
/** For how long is waited for what the checker judges by itself: copies of a document, and who was told of withdrawn rights. */
const besidesMs = 10_000;
/** How often somebody edits the document, while messages are published. */
const editMs = 200;
const delay = monitorEventLoopDelay({ resolution: 20 });
delay.enable();

function pick<T>(list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)];
}

function join(guest: GuestPlan): void {
  guests.set(guest.name, new Guest(guest, plan, recorder, random));
}

/** Publishes at that rate, each time as one of those who do; 0 ends it. */
let publishing: NodeJS.Timeout | undefined;
let editing: NodeJS.Timeout | undefined;
function publish(perSecond: number, fillingBytes: number): void {
  clearInterval(publishing);
  clearInterval(editing);
  repeater?.publish(perSecond > 0);
  if (perSecond === 0) return;
  const since = monotonicMs();
  editing = setInterval(() => pick([...guests.values()].flatMap(({ pad }) => pad ?? []))?.edit(), editMs);
  let published = 0;
  publishing = setInterval(() => {
    const authors = [...guests.values()].filter((guest) => guest.plan.publishes);
    for (; published < ((monotonicMs() - since) * perSecond) / 1000; published++)
      pick(authors)?.publish(pick(plan.rooms) ?? '', fillingBytes);
  }, 20);
}

/** What is still to come right. */
function left(sinceMs: number): string[] {
  const all = [...guests.values()];
  const tops = new Map(
    rooms.map((room) => [room, Math.max(0, ...all.map(({ stands }) => stands.get(room) ?? 0))]),
  );
  const members = all.filter(({ plan }) => plan.enters).map(({ plan }) => plan.name);
  const open = repeater?.waiting ? ['the repeater has no answer'] : [];
  const strange = strangers.flatMap((one) => one.left(sinceMs < besidesMs));
  const [first, ...pads] = all.flatMap(({ pad }) => pad ?? []);
  const vector = sinceMs < besidesMs ? first?.vector : undefined;
  const copies = [first, ...pads].flatMap((pad) => pad?.left(vector) ?? []);
  return [...open, ...strange, ...copies, ...all.flatMap((guest) => guest.left(tops, members.sort()))];
}

/** What is open as clients know it. */
function opened(): Open {
  const all = [...guests.values()].map((guest) => guest.open);
  const by = strangers.map(({ open }) => open);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
  const others = witnesses.filter(({ open }) => open).length + (repeater?.open ?? 0);
  return {
    sessions: sum([...all, ...by].map(({ sessions }) => sessions)) + others,
    subscriptions: sum([...all, ...by].map(({ subscriptions }) => subscriptions)),
    members: [...guests.values()].filter(({ plan }) => plan.enters).length,
  };
}

/** Waits until all has come right, and has stayed so for a moment in which more could have come. */
async function settle(withinMs: number): Promise<Answers['settle']> {
  const since = monotonicMs();
  let quietSince: number | undefined;
  for (;;) {
    const now = monotonicMs();
    const missing = left(now - since);
    if (missing.length > 0) quietSince = undefined;
    else quietSince ??= now;
    if (quietSince !== undefined && now - quietSince > 300) return { ms: quietSince - since, left: [] };
    if (now - since > withinMs) return { ms: now - since, left: missing };
    await sleep(20);
  }
}

async function tellEnd(nodes: Extract<Command, { do: 'logs' }>['nodes']): Promise<void> {
  for (const guest of guests.values()) guest.tellEnd();
  if ([...guests.values()].some(({ pad }) => pad))
    for (const at of nodes) recorder.tell(`a reader by ${at.name}`, await readPad(at));
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
    case 'strangers':
      strangers.push(...command.strangers.map((one) => new Stranger(one, recorder)));
      return {};
    case 'got':
      for (const until = monotonicMs() + command.withinMs; strangers.some(({ got }) => !got); await sleep(20))
        if (monotonicMs() > until) break;
      return {};
    case 'revoked':
      for (const one of strangers) if (command.names.includes(one.plan.name)) one.loses();
      return {};
    case 'listen': {
      const { name, port } = command.to;
      witnesses.push(...(['websocket', 'sse'] as const).map((via) => new Witness(name, port, via, recorder)));
      return {};
    }
    case 'probe':
      for (const { name, port } of command.nodes) await probe(name, port, recorder);
      return {};
    case 'clock':
      return moveClock(command.aheadMs);
    case 'open':
      return opened();
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
      for (const one of [...strangers, ...witnesses]) one.close();
      recorder.flush();
      return { longestMs: delay.max / 1e6 } satisfies Answers['finish'];
  }
}

/** One after the other, since answers come in the order of the questions. */
let before: Promise<unknown> = Promise.resolve();
process.on('message', (command: Command) => {
  before = before
    .then(() => obey(command))
    .then(
      (answer) => process.send?.({ answer: answer ?? {} }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
});
process.on('disconnect', () => process.exit());
process.send?.({ answer: 'ready' });
