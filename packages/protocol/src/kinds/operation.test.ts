/**
 * What a client may publish on a state channel: each operation there and back, and what is refused in which words. What an
 * operation becomes is the server's to test.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SyncError } from '../codes.ts';
import { deleteOperation, readStateOperation, type StateOperation, setOperation } from './operation.ts';

const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 100 });
const ifVersion = fc.maxSafeNat();
const options = fc.record(
  { at: fc.maxSafeNat(), ttlMs: fc.integer({ min: 1 }), ifVersion },
  { requiredKeys: [] },
);

describe('operations', () => {
  test('[K1] are read back as they were written, the value as the text it was', () => {
    const text = fc.oneof(fc.json(), fc.constantFrom('1.0', ' [1, 2]'.trim(), '{"a":1,"a":2}', 'null', '-0'));
    fc.assert(
      fc.property(key, text, options, (name, value, more) => {
        expect(readStateOperation(setOperation(name, value, more))).toEqual({
          op: 'set',
          key: name,
          text: value,
          ...more,
        });
        expect(readStateOperation(deleteOperation(name, { ifVersion: more.ifVersion }))).toEqual({
          op: 'delete',
          key: name,
          ifVersion: more.ifVersion,
        });
      }),
    );
  });

  test.each<[string, StateOperation]>([
    ['[ "set" , "k" , {"a": 1.0} , { } ]', { op: 'set', key: 'k', text: '{"a": 1.0}' }],
    ['["s\\u0065t","\\u006b",null]', { op: 'set', key: 'k', text: 'null' }],
    ['["delete","k",{}]', { op: 'delete', key: 'k', ifVersion: undefined }],
    ['["set","__proto__",1,{"ifVersion":-0}]', { op: 'set', key: '__proto__', text: '1', ifVersion: 0 }],
  ])('[K1] %s is one', (payload, operation) => {
    expect(readStateOperation(payload)).toEqual(operation);
  });

  test.each([
    ['{"set":1}', 'a list that begins with "set" or "delete", got an object'],
    ['[]', 'a list that begins with "set" or "delete", got an array'],
    ['"set"', 'a list that begins with "set" or "delete", got "set" (string)'],
    ['["k",1]', 'a list that begins with "set" or "delete", got "k" (string)'],
    ['["k",null,{"expired":true}]', 'a list that begins with "set" or "delete", got "k" (string)'],
    ['["set"]', 'a key of 1 to 255 characters after "set", got nothing'],
    ['["delete",7]', 'a key of 1 to 255 characters after "delete", got 7 (number)'],
    ['["set","",1]', 'a key of 1 to 255 characters after "set", got "" (string)'],
    [
      `["delete","${'k'.repeat(256)}"]`,
      `a key of 1 to 255 characters after "delete", got "${'k'.repeat(40)}" (string)`,
    ],
    ['["set","k"]', 'a value after the key, got nothing'],
    ['["set","k",1,null]', 'its options to be an object of at, ttlMs, ifVersion, got null'],
    ['["set","k",1,[]]', 'its options to be an object of at, ttlMs, ifVersion, got an array'],
    ['["delete","k",1]', 'its options to be an object of ifVersion, got 1 (number)'],
    ['["set","k",1,{},2]', 'nothing after the options, got 2 (number)'],
    ['["delete","k",{},[]]', 'nothing after the options, got an array'],
    ['["set","k",1,{"ifversion":1}]', 'its options to be of at, ttlMs, ifVersion, got "ifversion" (string)'],
    ['["set","k",1,{"__proto__":1}]', 'its options to be of at, ttlMs, ifVersion, got "__proto__" (string)'],
    ['["delete","k",{"at":1}]', 'its options to be of ifVersion, got "at" (string)'],
    ['["set","k",1,{"expired":true}]', 'its options to be of at, ttlMs, ifVersion, got "expired" (string)'],
    ['["set","k",1,{"ifVersion":-1}]', '`ifVersion` to be an integer from 0 up, got -1 (number)'],
    ['["set","k",1,{"ttlMs":0}]', '`ttlMs` to be an integer from 1 up, got 0 (number)'],
    ['["set","k",1,{"at":1.5}]', '`at` to be an integer from 0 up, got 1.5 (number)'],
    ['["set","k",1,{"at":"now"}]', '`at` to be an integer from 0 up, got "now" (string)'],
    ['["set","k",1,{"at":null}]', '`at` to be an integer from 0 up, got null'],
  ])('[K1] %s is refused', (payload, expected) => {
    const message = `What is published on a state channel is an operation: expected ${expected}. Such as ["set", "key", value] or ["delete", "key"].`;
    expect(() => readStateOperation(payload)).toThrow(new SyncError('bad_payload', message));
  });
});
