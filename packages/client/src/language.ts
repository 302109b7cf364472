/**
 * The frames of clients that have more than streams: snapshots and changes of what folds, views, presence and signals. The doors
 * for such clients hand it to the connection; the one for streams leaves it out, so that nobody loads it for nothing.
 */
import type { Gone, GoneReason, Placed, Signalled } from '@syncline/protocol/wire';
import { frames as basics, count, flag, list, nullOr, texts, type Vocabulary, words } from './frames.ts';
import { basic, type Language } from './requests.ts';

const frames: Required<Vocabulary> = {
  ...basics,
  changes: { id: count, from: count, check: count, entries: placed },
  snapshot: { id: count, offset: count, check: count, more: flag, data: (_, text) => words(text) },
  viewing: { ref: count, id: count },
  seen: {
    id: count,
    offset: count,
    more: flag,
    rows: parts,
    gone: (value) => list(value).map(readGone),
  },
  entered: { ref: count, key: words },
  left: { ref: count },
  signalled: { ref: count, key: words },
  signals: { id: count, signals: (value, text) => parts(value, text).map(readSignal) },
};

export const language: Required<Omit<Language, 'bytes'>> = {
  frames,
  answers: { ...basic.answers, view: 'viewing', enter: 'entered', leave: 'left', signal: 'signalled' },
};

/** The texts of a list's members. */
function parts(value: unknown, text?: string): string[] {
  list(value);
  return texts(text);
}

/** Entries with their offsets before them, in one flat list. */
function placed(value: unknown, text?: string): Placed[] {
  const offsets = list(value);
  return texts(text).flatMap((data, i) => (i % 2 ? { offset: count(offsets[i - 1]), data } : []));
}

function readGone(value: unknown): Gone {
  const [key, why] = list(value);
  return [words(key), words<GoneReason>(why)];
}

function readSignal(text: string): Signalled {
  const [key, from] = list(JSON.parse(text));
  return [words(key), nullOr(words)(from), words(texts(text)[2])];
}
