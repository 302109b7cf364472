/**
 * Every frame of the protocol as fast-check arbitraries, for the tests of the text codec and of binary frames. The
 * tables are held against the unions in frame.ts, so a new frame that no test makes doesn't compile.
 */
import fc from 'fast-check';
import type { BinaryPublish, BinarySnapshot } from './binary.ts';
import { type ErrorCode, type ErrorDetail, steps } from './codes.ts';
import type { ClientFrame, FrameOf, ServerFrame, Signalled, ViewFilter } from './frame.ts';
import type { GapReason, Position } from './position.ts';

type Control = Exclude<ServerFrame, { type: 'entries' }>;
type Each<U extends { type: string }> = { readonly [T in U['type']]: fc.Arbitrary<FrameOf<U, T>> };

const token = (maxLength: number) =>
  fc.string({
    unit: fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-'),
    minLength: 1,
    maxLength,
  });
const reasons: GapReason[] = ['epoch', 'trimmed', 'diverged', 'ahead'];

export const ref: fc.Arbitrary<number> = fc.integer({ min: 1, max: 2 ** 31 - 1 });
export const count: fc.Arbitrary<number> = fc.maxSafeNat();
export const sequence: fc.Arbitrary<number> = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
export const check: fc.Arbitrary<number> = fc.nat(2 ** 32 - 1);
export const producer: fc.Arbitrary<string> = token(64);
export const channel: fc.Arbitrary<string> = fc
  .array(fc.oneof(token(15), fc.constantFrom('a=b', '@x', ':p', 'a,b;c', '...', '__proto__')), {
    minLength: 1,
    maxLength: 15,
  })
  .map((segments) => segments.join('/'));
export const bytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc
  .uint8Array({ maxLength: 200 })
  .map((b) => Uint8Array.from(b));

const position: fc.Arbitrary<Position> = fc.record({ epoch: token(64), offset: count, check });
/** Payloads as their authors may have spelled them: white space inside and texts that JavaScript wouldn't write. */
export const payload: fc.Arbitrary<string> = fc.oneof(
  fc.json(),
  fc.jsonValue().map((value) => JSON.stringify(value, null, ' \n')),
  fc.constantFrom('1e400', '-0', '1.0', '{"a":1,"a":2}', '"\\ud800"', '[ 1 , 2 ]', '{"__proto__":[]}'),
);
const text: fc.Arbitrary<string> = fc
  .string({ unit: 'grapheme', maxLength: 1000 })
  .filter(({ length }) => length <= 1000);
const fact = fc.oneof(fc.string(), fc.integer(), fc.boolean());
const detail: fc.Arbitrary<ErrorDetail> = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'expected')),
  fact,
  { noNullPrototype: true, maxKeys: 5 },
);
const secret = fc.string({
  unit: fc.integer({ min: 33, max: 126 }).map((one) => String.fromCharCode(one)),
  minLength: 1,
  maxLength: 300,
});
const code = fc.constantFrom(...(Object.keys(steps) as ErrorCode[]));

const key = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 255 })
  .filter(({ length }) => length <= 255);
const memberKey = fc.stringMatching(/^[\w-]{22}$/);
const lease = fc.stringMatching(/^[a-z0-9]{16,64}$/);
const signalled: fc.Arbitrary<Signalled> = fc.tuple<[string, string | null, string]>(
  memberKey,
  fc.option(text),
  payload,
);
/** The name of a channel, or of a companion. */
const named = fc.tuple(channel, fc.constantFrom('', '?presence', '?a')).map((parts) => parts.join(''));
const degrees = (most: number) => fc.double({ min: -most, max: most, noNaN: true }).map((one) => one + 0);
/** A box as it is read: its longitudes are those of the globe. */
const bbox = fc
  .tuple(degrees(180), degrees(90), degrees(180), degrees(90))
  .map(([west, a, east, b]) => [west, Math.min(a, b), east, Math.max(a, b)] as const);
export const filter: fc.Arbitrary<ViewFilter> = fc.record(
  {
    keys: fc.array(key, { maxLength: 5 }),
    prefix: fc.oneof(key, fc.constant('')),
    bbox,
    maxHz: fc.double({ min: 0.01, max: 1000, noNaN: true }),
  },
  { requiredKeys: [] },
);

export const clientFrames: Each<ClientFrame> = {
  subscribe: fc.record({
    type: fc.constant('subscribe'),
    ref,
    channel: named,
    start: fc.oneof(count, position),
  }),
  unsubscribe: fc.record({ type: fc.constant('unsubscribe'), ref, channel }),
  publish: fc.record({ type: fc.constant('publish'), ref, channel, producer, sequence, data: payload }),
  history: fc.record({
    type: fc.constant('history'),
    ref,
    channel,
    direction: fc.constantFrom('before', 'after'),
    offset: count,
    limit: fc.integer({ min: 1, max: 500 }),
  }),
  auth: fc.record({ type: fc.constant('auth'), ref, token: secret }),
  heartbeat: fc.record({ type: fc.constant('heartbeat') }),
  view: fc.record({ type: fc.constant('view'), ref, channel: named, id: count, filter: fc.option(filter) }),
  enter: fc.record({ type: fc.constant('enter'), ref, channel, lease, data: payload }),
  leave: fc.record({ type: fc.constant('leave'), ref, channel, lease }),
  signal: fc.record({ type: fc.constant('signal'), ref, channel, lease, data: payload }),
};

export const serverFrames: Each<Control> = {
  welcome: fc.record({
    type: fc.constant('welcome'),
    session: fc.string({ maxLength: 64 }),
    heartbeatMs: count,
    payloadBytesMax: count,
    expiresMs: fc.option(count),
    now: count,
  }),
  subscribed: fc.record({
    type: fc.constant('subscribed'),
    ref,
    id: count,
    position,
    top: count,
    gap: fc.constantFrom(null, ...reasons),
    stamped: fc.boolean(),
  }),
  unsubscribed: fc.record({ type: fc.constant('unsubscribed'), ref }),
  revoked: fc.record({ type: fc.constant('revoked'), id: count, code, message: text }),
  authenticated: fc.record({ type: fc.constant('authenticated'), ref, expiresMs: fc.option(count) }),
  ack: fc.record({ type: fc.constant('ack'), ref, position }),
  history: fc.record({
    type: fc.constant('history'),
    ref,
    epoch: token(64),
    first: count,
    more: fc.boolean(),
    stamped: fc.boolean(),
    entries: fc.array(payload, { maxLength: 5 }),
  }),
  gap: fc.record({
    type: fc.constant('gap'),
    id: count,
    position,
    top: count,
    reason: fc.constantFrom(...reasons),
  }),
  snapshot: fc.record({
    type: fc.constant('snapshot'),
    id: count,
    offset: count,
    check,
    more: fc.boolean(),
    data: payload,
  }),
  changes: fc.record({
    type: fc.constant('changes'),
    id: count,
    from: count,
    check,
    entries: fc.array(fc.record({ offset: sequence, data: payload }), { minLength: 1, maxLength: 5 }),
  }),
  heartbeat: fc.record({
    type: fc.constant('heartbeat'),
    heads: fc.array(fc.record({ id: count, offset: count, check }), { maxLength: 5 }),
    // Where it is left out, what comes behind would be taken for it: codec.test.ts has that case.
    staleMs: count,
  }),
  error: fc.record({
    type: fc.constant('error'),
    ref: fc.option(ref),
    code,
    message: text,
    detail: fc.option(detail),
  }),
  bye: fc.record({ type: fc.constant('bye'), reason: text, afterMs: count }),
  viewing: fc.record({ type: fc.constant('viewing'), ref, id: count }),
  seen: fc.record({
    type: fc.constant('seen'),
    id: count,
    offset: count,
    more: fc.boolean(),
    rows: fc.array(payload, { maxLength: 5 }),
    gone: fc.array(fc.tuple(key, fc.constantFrom('exit', 'delete', 'expire')), { maxLength: 5 }),
  }),
  entered: fc.record({ type: fc.constant('entered'), ref, key: memberKey }),
  left: fc.record({ type: fc.constant('left'), ref }),
  signalled: fc.record({ type: fc.constant('signalled'), ref, key: memberKey }),
  signals: fc.record({
    type: fc.constant('signals'),
    id: count,
    signals: fc.array(signalled, { maxLength: 5 }),
  }),
};

export const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(...Object.values(clientFrames));
export const serverFrame: fc.Arbitrary<Control> = fc.oneof(...Object.values(serverFrames));
export const binarySnapshot: fc.Arbitrary<BinarySnapshot> = fc.record({
  type: fc.constant('snapshot'),
  id: count,
  offset: count,
  check,
  more: fc.boolean(),
  data: bytes,
});
export const binaryPublish: fc.Arbitrary<BinaryPublish> = fc.record({
  type: fc.constant('publish'),
  ref,
  channel,
  producer,
  sequence,
  data: bytes,
});
