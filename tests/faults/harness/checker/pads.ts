/**
 * What became of documents that several edit (I19): every copy is the same in the end, clients' and what is loaded anew by way of
 * each node, and what was told to be saved is in it.
 */
import type { Numbered, Terms, Violation } from './terms.ts';

export function* checkPads(lines: readonly Numbered[], terms: Terms): Generator<Violation> {
  if (!terms.standing) return;
  const pads = new Set(lines.flatMap((line) => ('pad' in line ? line.pad : [])));
  for (const pad of pads)
    yield* checkPad(
      lines.filter((line) => 'pad' in line && line.pad === pad),
      pad,
      terms,
    );
}

function* checkPad(lines: readonly Numbered[], pad: string, { loses }: Terms): Generator<Violation> {
  const copies = lines.filter((line) => line.type === 'pad');
  const [first, ...others] = copies;
  if (!first || !copies.some(({ fresh }) => fresh) || !lines.some(({ type }) => type === 'saved')) {
    yield { invariant: 'I24', says: `nobody edited ${pad}, or read it in the end`, lines: [] };
    return;
  }
  for (const other of others) {
    const differs = other.vector !== first.vector ? 'state vector' : 'content';
    if (other.vector === first.vector && other.content === first.content) continue;
    const says = `${other.who} has another ${differs} of ${pad} than ${first.who}`;
    yield { invariant: 'I19', says, lines: [first.n, other.n] };
  }
  const edits = new Map(lines.flatMap((line) => (line.type === 'edit' ? [[line.id, line]] : [])));
  for (const copy of copies) {
    const there = new Set(copy.ids);
    if (there.size < copy.ids.length)
      yield { invariant: 'I19', says: `${copy.who} has an edit of ${pad} twice`, lines: [copy.n] };
    for (const id of there)
      if (!edits.has(id))
        yield {
          invariant: 'I19',
          says: `${copy.who} has ${id} in ${pad}, which nobody made`,
          lines: [copy.n],
        };
    if (loses) continue;
    const lacks = lines.find((line) => line.type === 'saved' && !there.has(line.id));
    if (lacks?.type !== 'saved') continue;
    const says = `${lacks.id} of ${pad} was saved, and ${copy.who} lacks it`;
    yield { invariant: 'I19', says, lines: [lacks.n, copy.n] };
  }
}
