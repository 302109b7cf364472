/**
 * Whatever comes: property tests over the codec, channel names, messages of a live session, WebSocket frames and handshakes as
 * bytes. Nothing throws, everything has exactly one answer, and whoever comes next is served as before.
 */
import { SyncError } from '@syncline/protocol';
import {
  decodeClient,
  decodeClientBinary,
  encodeClient,
  encodeClientBinary,
  lookup,
} from '@syncline/protocol/wire';
import { close, frame, opcodes } from '@syncline/server/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, tell, wordsOf } from './caller.ts';
import { Control } from './control.ts';
import { entries } from './entries.ts';
import { channels, serve, type Target } from './harness.ts';
import { damaged, damagedBytes, good, texts } from './mutate.ts';

describe('the codec', () => {
  it('[F2] [F5] reads any text as one frame, or refuses it with one error', () => {
    const seen = { read: 0, refused: 0, answerable: 0 };
    fc.assert(
      fc.property(texts, (text) => {
        const got = decodeClient(text);
        if (got.type !== 'refused') {
          seen.read++;
          expect(decodeClient(encodeClient(got))).toEqual(got);
          return;
        }
        seen.refused++;
        if (got.ref !== null) seen.answerable++;
        expect(got.error).toBeInstanceOf(SyncError);
        expect(got.error.code).toBe('bad_frame');
        expect(got.error.message.length).toBeLessThan(400);
      }),
      { numRuns: 3000 },
    );
    // Otherwise what is drawn is too far from frames, or not far enough, to show anything.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100);
  });

  it('[F8] reads any bytes as one publish, or refuses them with one error', () => {
    const frames = good.flatMap((one) =>
      one.type === 'publish' ? [encodeClientBinary({ ...one, data: Uint8Array.from([0, 1, 255]) })] : [],
    );
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(damagedBytes(frames), fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const got = decodeClientBinary(bytes);
        if (got.type === 'refused') {
          expect(got.error.code).toBe('bad_frame');
        } else {
          read++;
          expect(decodeClientBinary(encodeClientBinary(got))).toEqual(got);
        }
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(50);
  });
});

describe('channel names', () => {
  const names = damaged([
    'chat/x',
    'a',
    '__proto__',
    'a/b/c',
    'a/b?presence',
    'x'.repeat(255),
    'a/'.repeat(15).concat('a'),
    '...',
    ':a',
  ]);
  const segment = /^(?!\.{1,2}$)[A-Za-z0-9_\-=@,.:;]+$/;
  const isChannel = (text: string): boolean => {
    const segments = text.split('/');
    return text.length <= 255 && segments.length <= 16 && segments.every((one) => segment.test(one));
  };
  /** A channel's, or that of a companion. */
  const isName = (text: string): boolean => {
    const [base = '', ...words] = text.split('?');
    return isChannel(base) && words.length <= 1 && words.every((word) => /^[a-z]{1,16}$/.test(word));
  };

  const lease = '"abcdefghij012345"';
  /** What follows the name in each frame that has one. */
  const restOf = {
    ...{ subscribe: '0', unsubscribe: '', publish: '"p",1,1', history: '"after",0,1' },
    ...{ view: '0,{}', enter: `${lease},1`, leave: lease, signal: `${lease},1` },
  } as const;
  const types = [
    'subscribe',
    'unsubscribe',
    'publish',
    'history',
    'view',
    'enter',
    'leave',
    'signal',
  ] as const;

  it('[C1] [C4] are taken or refused as the rule says, by every frame that has one', () => {
    const seen = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(names, fc.constantFrom(...types), (name, type) => {
        const rest = restOf[type];
        const got = decodeClient(`["${type}",7,${JSON.stringify(name)}${rest && ','}${rest}]`);
        if (isName(name)) seen.taken++;
        else seen.refused++;
        expect(got).toMatchObject(isName(name) ? { type, channel: name } : { type: 'refused', ref: 7 });
      }),
      { numRuns: 2000 },
    );
    expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(100);
  });

  it('[C2] [C3] [C4] have one definition in the contract, or none', () => {
    const find = lookup(channels);
    fc.assert(
      fc.property(names, (name) => {
        const [base = '', word] = name.split('?');
        const known =
          isName(name) &&
          (base.startsWith('chat/') ? base.split('/').length === 2 : !base.includes('/')) &&
          (word === undefined || word === 'presence');
        try {
          expect(find(name).kind).toBe(word === undefined ? 'stream' : 'state');
          expect(known).toBe(true);
        } catch (thrown) {
          if (!(thrown instanceof SyncError)) throw thrown;
          expect(thrown.code).toBe('unknown_channel');
          expect(known).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe.each(entries)('a live server over its way in called $name', (entry) => {
  let target: Target;
  let control: Control;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    ({ target, stop } = await serve(entry, { options: { channelsOpenMax: 100_000 } }));
    control = await Control.start(target.port);
  });

  afterAll(async () => {
    expect(await control.finish(), 'the longest round of the control client, in ms').toBeLessThan(1000);
    control.close();
    await stop();
  });

  /** Everything that is said on a connection on which no more is sent. */
  async function rest(caller: Caller): Promise<string[]> {
    const words: string[] = [];
    caller.socket.end();
    for (let next = await caller.frame(); next; next = await caller.frame()) words.push(tell(next));
    return words;
  }

  async function leave(caller: Caller): Promise<void> {
    caller.socket.destroy();
    target.callers.splice(target.callers.indexOf(caller), 1);
    await caller.closed();
    await expect
      .poll(() => target.server.metrics, { interval: 1 })
      .toMatchObject({ sessionsOpen: 1, cursorsOpen: 1 });
  }

  it('[F5] [F6] answers any text exactly once, and goes on or closes as the answer says', async () => {
    const seen = { goesOn: 0, closed: 0 };
    await fc.assert(
      fc.asyncProperty(texts, async (text) => {
        const caller = await target.enter();
        caller.write(frame(text));
        const words = (await target.said(caller)).split(', ').filter((word) => word !== 'entries');
        const last = words.pop();
        if (last === 'goes on') seen.goesOn++;
        else seen.closed++;
        expect(words).toEqual(expectedOf(text, last));
        if (last === 'goes on') expect(await target.said(caller)).toMatch(/^(entries, )?goes on$/);
        await leave(caller);
      }),
      { numRuns: 300 },
    );
    expect(seen.goesOn).toBeGreaterThan(20);
    if (entry.name === 'native') expect(seen.closed).toBeGreaterThan(20);
  });

  /** What is said before the end: one answer, or none where nothing was asked. */
  function expectedOf(text: string, last: string | undefined): unknown {
    if (entry.name === 'plain') {
      expect(last).toBe('goes on');
      return isJson(text) ? [] : ['error bad_payload'];
    }
    const got = decodeClient(text);
    if (got.type === 'refused') {
      expect(last).toBe(got.ref === null ? 'close 4400' : 'goes on');
      return [got.ref === null ? 'error bad_frame' : `error bad_frame for ${got.ref}`];
    }
    expect(last).toBe('goes on');
    if (got.type === 'heartbeat') return [];
    return [expect.stringMatching(new RegExp(` for ${got.ref}$`))];
  }

  it('answers any bytes after the handshake with frames and perhaps a close code, never otherwise', async () => {
    const question = frame(entry.name === 'native' ? '["unsubscribe",7,"x"]' : '{"n":1}');
    const good = [
      question,
      Buffer.concat([question, question]),
      frame('edge', { opcode: opcodes.ping }),
      Buffer.concat([frame('["unsub', { fin: false }), frame('scribe",7,"x"]', { opcode: opcodes.more })]),
      frame(Buffer.from([1, 2, 3]), { opcode: opcodes.binary }),
      frame(`"${'x'.repeat(300)}"`),
      close(1000, 'done'),
    ];
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(damagedBytes(good), async (bytes) => {
        const caller = await target.enter();
        caller.write(bytes);
        const words = await rest(caller);
        for (const word of words) {
          seen.add(word);
          expect(word).toMatch(
            /^(welcome|pong|heartbeat|(error [a-z_]+|subscribed|unsubscribed|ack|history)( for \d+)?|close (without a code|100[0-37-9]|101[0-4]|[34]\d{3}))$/,
          );
        }
        const closes = words.filter((word) => word.startsWith('close')).length;
        expect(closes).toBeLessThanOrEqual(1);
        if (closes === 1) expect(words.at(-1)).toMatch(/^close/);
        await leave(caller);
      }),
      { numRuns: 300 },
    );
    expect(seen).toContain('close 1002');
  });

  it('answers any request with a status that says whose fault it is, and never with its own', async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        damagedBytes([Buffer.from(target.request()), Buffer.from(target.request({ Origin: 'null' }))]),
        async (bytes) => {
          const caller = await target.call();
          caller.write(bytes);
          caller.socket.end();
          const words = wordsOf(await caller.answer());
          seen.add(words);
          expect(words).toMatch(
            /^(101|cut off|400|404|408|413|417|431|505|(400|403|404|405|421|426|431|505) (bad_frame|forbidden|unknown_channel|frame_too_large|insecure))$/,
          );
          await leave(caller);
        },
      ),
      { numRuns: 300 },
    );
    // Which of the rarer ones come up is chance.
    expect([...seen]).toEqual(expect.arrayContaining(['400', '400 bad_frame']));
    expect(seen.size).toBeGreaterThan(3);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
