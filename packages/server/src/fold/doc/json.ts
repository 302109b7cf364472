/**
 * A document's content as plain values, for work.ts. A server learns of a document's shared types by updates alone, which
 * don't tell what they are: that shows in what they hold.
 */
import * as Y from 'yjs';

type Shared = NonNullable<ReturnType<Y.Doc['share']['get']>>;

/** A shared type of the document by its name, as what it holds shows it to be; undefined where it holds nothing. */
export function typed(
  doc: Y.Doc,
  name: string,
): Y.Map<unknown> | Y.Array<unknown> | Y.Text | Y.XmlFragment | undefined {
  const type = doc.share.get(name);
  if (!type) return undefined;
  const first = firstOf(type);
  if (!first) return [...type._map.values()].some(({ deleted }) => !deleted) ? doc.getMap(name) : undefined;
  const { content } = first;
  if (
    content instanceof Y.ContentString ||
    content instanceof Y.ContentFormat ||
    content instanceof Y.ContentEmbed
  )
    return doc.getText(name);
  const isXml =
    content instanceof Y.ContentType &&
    [Y.XmlElement, Y.XmlText, Y.XmlHook].some((kind) => content.type instanceof kind);
  return isXml ? doc.getXmlFragment(name) : doc.getArray(name);
}

/** The first thing in a list, text or fragment that was not deleted. */
function firstOf(type: Shared): Y.Item | undefined {
  let item = type._start;
  while (item?.deleted) item = item.right;
  return item ?? undefined;
}

/** A value of a document as JSON knows it. Names such as `__proto__` are names like others. */
export function plain(value: unknown): unknown {
  if (value instanceof Y.Map) return fromEntries(value.entries());
  if (value instanceof Y.Array) return value.toArray().map(plain);
  // Texts and XML: their words and tags.
  if (value instanceof Y.AbstractType) return String(value);
  if (value instanceof Y.Doc) return { guid: value.guid };
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) return fromEntries(Object.entries(value));
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return value === undefined ? null : value;
}

function fromEntries(entries: Iterable<[string, unknown]>): unknown {
  return Object.fromEntries([...entries].map(([key, value]) => [key, plain(value)]));
}
