/**
 * The client's word on names and contracts: a text that can't be a name is refused before anyone is asked, and the contract's own
 * search is what finds.
 */
import { defineChannels, doc, stream } from '@syncline/protocol';
import { lookup } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createClient } from './docs.ts';
import { definitionOf } from './names.ts';

const outcome = (run: () => unknown) => {
  try {
    return run();
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown;
  }
};

test('[C2] the client finds what the protocol finds', () => {
  const contract = defineChannels({ 'a/:x': stream(), ':x/b': stream(), 'a/b': stream() });
  for (const text of ['a/b', 'a/c', 'c/b', 'c/c', 'a', 'a/b/c']) {
    const found = outcome(() => definitionOf('stream', text, contract));
    expect(found).toBe(outcome(() => lookup(contract)(text)));
  }
});

test('[C1] the client takes a name where the protocol does, up to its number of segments', () => {
  const contract = defineChannels({ ':one': stream(), ':one/:two': stream() });
  const characters = fc.string({
    unit: fc.constantFrom('a', 'Z', '0', '_', '-', '=', '@', ',', '.', ':', ';', '/', ' ', 'é', '\n'),
  });
  fc.assert(
    fc.property(characters, (text) => {
      const refused = outcome(() => definitionOf('stream', text, undefined)) === 'unknown_channel';
      const unnamed = /no channel name/.test(String(messageOf(() => lookup(contract)(text))));
      expect(refused).toBe(unnamed);
    }),
    { numRuns: 1000 },
  );
  expect(definitionOf('stream', 'a'.repeat(255), contract)).toBe(contract[':one']);
  expect(outcome(() => definitionOf('stream', 'a'.repeat(256), undefined))).toBe('unknown_channel');
});

const messageOf = (run: () => unknown) => {
  try {
    run();
    return undefined;
  } catch (thrown) {
    return thrown;
  }
};

test('[C3] names like constructor are ordinary names', () => {
  const contract = defineChannels({ constructor: stream(), ':x': doc() });
  expect(definitionOf('stream', 'constructor', contract)).toBe(contract.constructor);
  for (const text of ['__proto__', 'toString', 'hasOwnProperty'])
    expect(definitionOf('doc', text, contract)).toBe(contract[':x']);
});

test('[C4] a companion is no channel of an application', () => {
  const contract = defineChannels({ ':one': stream() });
  for (const channels of [contract, undefined])
    expect(outcome(() => definitionOf('state', 'a?presence', channels))).toBe('unknown_channel');
});

test('a channel of another kind is none', () => {
  const contract = defineChannels({ ':one': stream() });
  expect(() => definitionOf('doc', 'a', contract)).toThrow('"a" is no doc of the contract.');
});

test('a contract that was not made by defineChannels, or that was taken apart since, has nothing', () => {
  const contract = { ...defineChannels({ ':one': stream() }) };
  const message = '"a" is no stream of the contract.';
  expect(() => definitionOf('stream', 'a', contract)).toThrow(message);
});

test('[C2] a channel has one kind: a name that was asked for as one is refused as another, and stays what it was', () => {
  const client = createClient({ url: 'ws://localhost:1/sync' });
  const doors = {
    stream: (name: string) => client.stream(name),
    state: (name: string) => client.state(name),
    doc: (name: string) => client.doc(name),
  };
  for (const [first, open] of Object.entries(doors)) {
    const name = `${first}/one`;
    const channel = open(name);
    for (const [other, ask] of Object.entries(doors)) {
      if (other === first) continue;
      const message = `"${name}" is no ${other}: it is a ${first} already.`;
      expect(() => ask(name)).toThrow(expect.objectContaining({ code: 'unknown_channel', message }));
    }
    expect(open(name)).toBe(channel);
    expect(channel.kind).toBe(first);
  }
  expect(() => client.stream('stream/one?presence')).toThrow(
    expect.objectContaining({ code: 'unknown_channel' }),
  );
});
