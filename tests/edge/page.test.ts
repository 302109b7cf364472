/**
 * The page of bad input is written from the rows that are run: `vitest run tests/edge/page.test.ts -u` writes it anew. What
 * it says is covered elsewhere must be there.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { elsewhere } from './elsewhere.ts';
import { entries } from './entries.ts';
import { answerOf } from './harness.ts';
import {
  backends,
  byStreams,
  doors,
  handshakes,
  links,
  namesOfChannels,
  posts,
  protocolMessages,
  type Subject,
  webSocketFrames,
} from './rows.ts';

const files: readonly (readonly [title: string, file: string, subjects: readonly Subject[]])[] = [
  ['Handshakes', 'handshake.test.ts', handshakes],
  ['At the door', 'door.test.ts', doors],
  ['WebSocket frames', 'frames.test.ts', webSocketFrames],
  ['Messages', 'messages.test.ts', protocolMessages],
  ['Channel names', 'names.test.ts', namesOfChannels],
  ['Posts', 'posts.test.ts', posts],
  ['Links over HTTP', 'links.test.ts', links],
  ['Requests of backends', 'api.test.ts', backends],
  ['Streams over HTTP', 'streams.test.ts', byStreams],
];

const intro = `# Bad input

What the server answers to input that is wrong, hostile or only strange: each row is a test that sends these very bytes and expects this
very answer. Written from the rows in \`tests/edge/\` by \`npm test -- tests/edge/page -u\`; edit it there.

An answer is an HTTP status with the code of the [error](../reference/errors.md) in its body; or, once there is a WebSocket, what it says, and
how it ends: \`error bad_frame for 7\` is an error for the request number 7, \`close 1002\` ends the connection with that code, *goes on* means that the
connection still works, *cut off* that it ended without a word. *native* is the path of the SDK, *plain* one for clients without it.

For every row of the first nine tables also holds: the answer is there within a second, the process lives, a client that does nothing wrong
goes on sending and receiving beside it, sessions, cursors and sockets are given back, and no answer repeats a cookie or a token or shows a line of code.
`;

const cell = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;');
const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

function page(): string {
  const parts = [intro];
  for (const [title, file, subjects] of files) {
    parts.push(`## ${title}\n\nTested in \`tests/edge/${file}\`.\n`);
    for (const { title: subject, rows } of subjects) {
      const cells = rows.map((row) => [
        row.input,
        ...entries.map((entry) => answerOf(row, entry) ?? ''),
        row.why ?? '',
      ]);
      parts.push(`### ${subject}\n\n${table(['input', ...entries.map(({ name }) => name), 'why'], cells)}\n`);
    }
  }
  const rows = elsewhere.map(({ input, answer, file }) => [input, answer, `\`${file}\``]);
  parts.push(
    `## Covered elsewhere\n\nBeside the code that it is about.\n\n${table(['input', 'answer', 'test'], rows)}\n`,
  );
  return parts.join('\n');
}

it('lists every row that is run, and nothing else', async () => {
  await expect(page()).toMatchFileSnapshot('../../docs/guide/bad-input.md');
});

it('names no input twice', () => {
  const inputs = files.flatMap(([, , subjects]) =>
    subjects.flatMap(({ rows }) => rows.map(({ input }) => input)),
  );
  expect(inputs.filter((input, i) => inputs.indexOf(input) !== i)).toEqual([]);
});

it.each(elsewhere)('says that $input is covered by $file, and it is', ({ file, title }) => {
  expect(readFileSync(file, 'utf8')).toContain(title);
});
