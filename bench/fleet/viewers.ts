/**
 * The viewers of the city: each looks at a part of it, and asks for that part or gets everything. One of them sits behind a slow
 * link. It tells how much each is sent, and how old what a viewer holds is; frames are written by hand, so that it is the
 * server that is measured and no SDK.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { obey } from '../servers/control.ts';
import { median } from '../statistics.ts';

interface Settings {
  readonly viewers: number;
  readonly vehicles: number;
  /** The part of the city that a viewer looks at. */
  readonly share: number;
  readonly seconds: number;
}

/** When a fast and a slow viewer's vehicles were where they are shown to be. */
interface Held {
  readonly at: Map<string, number>;
}

const WARMUP_MS = 4_000;
const SAMPLE_MS = 250;
/** Half of those from one address that may wait at the door at once (`handshakesPerIpMax`). */
const DIALLED_TOGETHER = 64;

const [contender = '', port = '', text = '{}', slowPort = ''] = process.argv.slice(2);
const { viewers, share, seconds } = JSON.parse(text) as Settings;
const views = contender === 'syncline-views';
let received = 0;

/** The box that a viewer looks at: some place in the unit square, of the share's area. */
function boxOf(i: number): [number, number, number, number] {
  const side = Math.sqrt(share);
  const west = ((i * 0.618) % 1) * (1 - side);
  const south = ((i * 0.414) % 1) * (1 - side);
  return [west, south, west + side, south + side];
}

function look(i: number, to: number, held?: Held): Promise<WebSocket> {
  const [west, south, east, north] = boxOf(i);
  const socket = new WebSocket(`ws://127.0.0.1:${to}/sync`, 'syncline.v1', { perMessageDeflate: false });
  const inside = ({ lat, lng }: { lat: number; lng: number }): boolean =>
    lng >= west && lng <= east && lat >= south && lat <= north;
  const note = (key: string, value: { lat: number; lng: number }, at: number): void => {
    if (inside(value)) held?.at.set(key, at);
    else held?.at.delete(key);
  };
  const start = views
    ? ['view', 1, 'fleet/city', 0, { bbox: [west, south, east, north] }]
    : ['subscribe', 1, 'fleet/city', Number.MAX_SAFE_INTEGER];
  socket.on('message', (data: Buffer) => {
    received += data.length;
    if (held) read(JSON.parse(String(data)), note, held);
  });
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => {
      socket.send(JSON.stringify(start));
      resolve(socket);
    });
  });
}

type Note = (key: string, value: { lat: number; lng: number }, at: number) => void;
type Row = [string, { lat: number; lng: number }, number, number, string | null, { at: number }];
type Stamped = [number, string | null, [string, { lat: number; lng: number }, { at: number }]];

/** The frames that bring values: a part of a snapshot, entries, what stands for some, and what is seen in a view. */
function read(frame: unknown[], note: Note, held: Held): void {
  const rows = (list: Row[]): void => {
    for (const [key, value, , , , facts] of list) note(key, value, facts.at);
  };
  const entries = (list: Stamped[]): void => {
    for (const [, , [key, value, facts]] of list) note(key, value, facts.at);
  };
  if (typeof frame[0] === 'number') entries(frame.slice(2) as Stamped[]);
  else if (frame[0] === 'changes')
    entries((frame[4] as unknown[]).filter((_, i) => i % 2 === 1) as Stamped[]);
  else if (frame[0] === 'snapshot') rows(frame[5] as Row[]);
  else if (frame[0] === 'seen') {
    rows(frame[4] as Row[]);
    for (const [key] of frame[5] as [string][]) held.at.delete(key);
  }
}

async function measure(): Promise<object> {
  const fast: Held = { at: new Map() };
  const slow: Held = { at: new Map() };
  for (let from = 2; from < viewers; from += DIALLED_TOGETHER) {
    const count = Math.min(DIALLED_TOGETHER, viewers - from);
    await Promise.all(Array.from({ length: count }, (_, i) => look(from + i, Number(port))));
  }
  await look(0, Number(port), fast);
  await look(0, Number(slowPort), slow);
  await sleep(WARMUP_MS);
  const from = received;
  const begun = performance.now();
  const ages = { fast: [] as number[], slow: [] as number[] };
  const sample = setInterval(() => {
    const now = Date.now();
    for (const at of fast.at.values()) ages.fast.push(now - at);
    for (const at of slow.at.values()) ages.slow.push(now - at);
  }, SAMPLE_MS);
  await sleep(seconds * 1000);
  clearInterval(sample);
  const tookS = (performance.now() - begun) / 1000;
  const p95 = (all: number[]): number =>
    all.sort((a, b) => a - b)[Math.floor(all.length * 0.95)] ?? Number.NaN;
  return {
    facts: {
      bytesPerViewer: (received - from) / tookS / viewers,
      inView: fast.at.size,
      ageMs: median(ages.fast),
      age95Ms: p95(ages.fast),
      slowAgeMs: median(ages.slow),
      slowAge95Ms: p95(ages.slow),
    },
    ...(fast.at.size === 0 && { fault: 'the viewer saw nothing' }),
  };
}

obey({}, { measure });
