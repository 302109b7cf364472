/**
 * Durable logs as plain HTTP shows them: the bodies of their entries, as their creator said of what media type they are. The faces of a
 * node hand it out; it knows entries and no request.
 */
import { type DurableAct, readDurableEntry } from '@syncline/protocol/wire';
import type { Batch } from '../../cursor.ts';
import { essence } from '../../fold/durable/judge.ts';
import type { Durables } from '../durables.ts';
import type { End, Face, Form, Shown } from '../face.ts';

/** A durable log as it is shown now; undefined where there is none. @param uses whether this counts as a use of it */
export async function showDurable(
  durables: Durables,
  name: string,
  uses: boolean,
): Promise<Shown | undefined> {
  const looked = await durables.look(name, uses);
  if (!looked) return undefined;
  const { channel, facts, start } = looked;
  const { type, closed, ttlS, expiresAt } = facts;
  return {
    face: durableFace(type),
    head: () => channel.top,
    closed,
    start,
    ...(ttlS !== null && { ttlSeconds: ttlS }),
    ...(expiresAt !== null && { expiresAt }),
  };
}

/** The face of a log whose bodies are of this media type. */
function durableFace(type: string): Face {
  const form = formOf(essence(type));
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    type,
    form,
    // A batch is of one log; where that was created anew, what was before isn't shown.
    name: `bodies ${form}`,
    messages: (batch) =>
      read(batch)
        .filter(({ body }) => body.length > 0)
        // Of JSON a body is the messages of one request, with commas between them.
        .map(({ body }) => (form === 'json' ? decoder.decode(body) : body)),
    ends: (batch, fresh) => endOf(read(batch), fresh),
    // It stands for what was deleted: whoever has some of that has nothing of what is there now.
    snapshot: (from) => ({ name: 'none', next: () => [], end: from === undefined ? undefined : 'gone' }),
  };
}

function formOf(type: string): Form {
  if (type === 'application/json') return 'json';
  return type.startsWith('text/') ? 'text' : 'bytes';
}

/** What was read of batches: each of their readers is asked whether the log ends there. */
const known = new WeakMap<Batch, readonly DurableAct[]>();

function read(batch: Batch): readonly DurableAct[] {
  const acts = known.get(batch) ?? batch.entries.flatMap(({ data }) => readDurableEntry(data));
  known.set(batch, acts);
  return acts;
}

function endOf(acts: readonly DurableAct[], fresh: boolean): End | undefined {
  let end: End | undefined;
  for (const [i, { header }] of acts.entries()) {
    if (header.op === 'delete' || (header.op === 'create' && !(fresh && i === 0))) return 'gone';
    if (header.closed) end = 'closed';
  }
  return end;
}
