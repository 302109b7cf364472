/**
 * The comparison as a page: a table for each feed, and what went over the wire byte by byte. run.ts gives it what was measured; it
 * must not measure.
 */
import type { Machine } from '../machine.ts';
import type { Exchange, Piece } from './handshake.ts';
import { type Feed, feeds, type Way, ways } from './plan.ts';
import type { Figures } from './traffic.ts';

/** One way with one feed. */
export interface Measured {
  readonly feed: string;
  readonly way: Way;
  readonly clients: number;
  readonly figures: Figures;
  /** Time of the processor that the server used meanwhile. */
  readonly serverCpuMs: number;
}

export function renderPage(all: readonly Measured[], seen: Exchange, machine: Machine): string {
  const clients = all[0]?.clients ?? 0;
  return `# WebSocket beside polling

One stream, ${clients.toLocaleString('en')} clients, updates of 100 bytes of JSON; by each way in turn, on one machine and in one run. Written by \`npm run bench:transports\`;
see [decisions/transports.md](../decisions/transports.md) for what to take from it. Polling, long polling and SSE read the channel as Durable Streams, as anybody can; *SDK* is a link of
\`@syncline/client/http\`, which carries the frames of a WebSocket by HTTP.

Bytes are those that the sockets carry, in both directions, header fields included: those of a browser's requests, without cookies and tokens, which would come on top of each request. TCP's and IP's
own headers and TLS aren't in them. The delay is from publish until a client has the update. Connections and requests are those opened while it was measured.

${feeds.map((feed) => renderFeed(feed, all)).join('\n')}
## Byte by byte

The bytes of these exchanges as a socket carried them, from the server that was measured. A WebSocket's frames have headers of 2 to 10 bytes from the server, and 4 bytes of mask more from the client (RFC 6455, section 5.2).

### WebSocket

${seen.webSocket.map(renderPiece).join('\n')}
### Polling

${seen.polling.map(renderPiece).join('\n')}
### Server-sent events

${seen.sse.map(renderPiece).join('\n')}
## The machine

${machine.processor}, ${machine.cores} cores; ${machine.kernel}; Node ${machine.node}; commit ${machine.commit}; ${machine.date}.
`;
}

function renderFeed(feed: Feed, all: readonly Measured[]): string {
  const rows = ways.flatMap((way) => all.filter((one) => one.feed === feed.name && one.way === way));
  const least = rows.find(({ way }) => way === 'WebSocket');
  const title = feed.name[0]?.toUpperCase() + feed.name.slice(1);
  const quiet = feed.everyMs === null;
  const head = `## ${title}

| way | bytes per client and minute | ÷ WebSocket | ${quiet ? '' : 'bytes per delivered update | delay p50 | delay p99 | '}requests per client and minute | connections opened | server, ms of CPU per second |
| --- | --- | --- | ${quiet ? '' : '--- | --- | --- | '}--- | --- | --- |
`;
  return head + rows.map((row) => renderRow(row, least, quiet)).join('');
}

function renderRow(row: Measured, least: Measured | undefined, quiet: boolean): string {
  const { figures } = row;
  const perMinute = perClientMinute(row, bytesOf(row));
  const cells = [
    row.way,
    Math.round(perMinute).toLocaleString('en'),
    least ? `${ratio(perMinute / perClientMinute(least, bytesOf(least)))} ×` : '–',
    ...(quiet
      ? []
      : [
          figures.updates ? Math.round(bytesOf(row) / figures.updates).toLocaleString('en') : '–',
          milliseconds(figures.delays, 0.5),
          milliseconds(figures.delays, 0.99),
        ]),
    perClientMinute(row, figures.requests).toFixed(1),
    String(figures.connections),
    (row.serverCpuMs / figures.seconds).toFixed(0),
  ];
  return `| ${cells.join(' | ')} |\n`;
}

function bytesOf({ figures }: Measured): number {
  return figures.bytesUp + figures.bytesDown;
}

function perClientMinute({ clients, figures }: Measured, count: number): number {
  return (count / clients / figures.seconds) * 60;
}

function ratio(value: number): string {
  return value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

function milliseconds(sorted: readonly number[], part: number): string {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) return '–';
  return value >= 100 ? `${Math.round(value).toLocaleString('en')} ms` : `${value.toFixed(1)} ms`;
}

function renderPiece({ title, sent, bytes, header }: Piece): string {
  const what = `${title}: ${sent ? 'client → server' : 'server → client'}, **${bytes.length} bytes**`;
  if (header === 0)
    return `${what}\n\n\`\`\`http\n${bytes.toString('utf8').replaceAll('\r\n', '\n').trimEnd()}\n\`\`\`\n`;
  // A short frame's header is two bytes, and two more where its length doesn't fit into seven bits.
  const long = (bytes[1] ?? 0) % 128 === 126 ? header + 2 : header;
  const mask = sent ? bytes.subarray(long - 4, long) : undefined;
  const body = bytes.subarray(long).map((byte, i) => byte ^ (mask?.[i % 4] ?? 0));
  const hex = bytes.subarray(0, long).toString('hex').replaceAll(/../g, '$& ').trim();
  return `${what}, of which ${long} are the frame's header\n\n\`\`\`text\n${hex}  ${Buffer.from(body).toString('utf8')}\n\`\`\`\n`;
}
