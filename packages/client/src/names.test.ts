/**
 * The client's search for a name's definition against the protocol's own, for any contract and any name. Where the two
 * differ the type of a channel would depend on who looks it up.
 */
import { type Contract, defineChannels, doc, stream } from '@syncline/protocol';
import { lookup } from '@syncline/protocol/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definitionOf } from './names.ts';

const word = fc.constantFrom('a', 'b', 'c');
const pattern = fc
  .array(fc.oneof(word, fc.constant(':p')), { minLength: 1, maxLength: 4 })
  .map((s) => s.join('/'));
const name = fc.array(word, { minLength: 1, maxLength: 4 }).map((s) => s.join('/'));

/** What the client finds, of whatever kind. */
const found = (text: string, contract: Contract) => {
  const kinds = ['stream', 'doc'].map((kind) => outcome(() => definitionOf(kind, text, contract)));
  return kinds.find((one) => typeof one === 'object') ?? kinds[0];
};

const outcome = (run: () => unknown) => {
  try {
    return run();
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown ? thrown.code : thrown;
  }
};

test('[C2] the client finds what the protocol finds', () => {
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { minLength: 1 }), name, (patterns, wanted) => {
      const contract = Object.fromEntries(patterns.map((one) => [one, stream()]));
      expect(found(wanted, contract)).toBe(outcome(() => lookup(contract)(wanted)));
    }),
  );
});

test('[C1] the client takes a name where the protocol does, up to its number of segments', () => {
  const contract = { ':one': stream(), ':one/:two': doc() };
  const characters = fc.string({
    unit: fc.constantFrom('a', 'Z', '0', '_', '-', '=', '@', ',', '.', ':', ';', '/', ' ', 'é', '\n'),
  });
  fc.assert(
    fc.property(characters, (text) => {
      expect(found(text, contract)).toBe(outcome(() => lookup(contract)(text)));
    }),
    { numRuns: 1000 },
  );
  expect(found('a'.repeat(255), contract)).toBe(contract[':one']);
  expect(found('a'.repeat(256), contract)).toBe('unknown_channel');
});

test('[C3] names like constructor are ordinary names', () => {
  const contract = defineChannels({ constructor: stream(), ':x': doc() });
  for (const text of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    expect(found(text, contract)).toBe(text === 'constructor' ? contract.constructor : contract[':x']);
  }
});

test('a channel of another kind is none', () => {
  const contract = { ':one': stream() };
  expect(() => definitionOf('doc', 'a', contract)).toThrow('"a" is no doc of the contract.');
});
