/**
 * The kind for messages: it passes the law, and every entry of it is worth sending.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logOf } from '../testing.ts';
import { kindSuite } from './kind.suite.ts';
import { streamKind } from './stream.ts';

kindSuite({ kind: streamKind, data: fc.array(fc.json()), content: ({ offset }) => offset });

test('a stream folds into nothing: its snapshot says nothing, and its log may be trimmed anywhere', () => {
  const view = streamKind.apply(streamKind.empty(), logOf(['1', '2']));
  expect(streamKind.snapshot(view)).toBe('null');
  expect(streamKind.restore('null', 7)).toEqual({ offset: 7 });
  expect(streamKind.folds).toBe(false);
});

test('a reader of a stream that is behind gets every entry, also of equal messages', () => {
  const entries = logOf(['"hi"', '"hi"', '"hi"']);
  expect(streamKind.conflate(entries)).toEqual(entries);
});
