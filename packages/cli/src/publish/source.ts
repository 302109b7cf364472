/**
 * Where `publish` takes its payloads from: the command line, or the lines of a file or of stdin, read no faster than they are asked
 * for. Each comes as the JSON text that is published, or with what is wrong with it. It knows no server.
 */
import { createReadStream, type ReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';

/** What the command line says of payloads. */
export interface SourceOptions {
  readonly file?: string;
  /** Each line is a text, not JSON. */
  readonly text?: true;
  /** Each payload is the value of this key of a state channel. */
  readonly set?: string;
  /** This key of a state channel is removed; there is no payload then. */
  readonly delete?: string;
}

/** One payload. */
export interface Item {
  /** From 1. */
  readonly line: number;
  /** JSON; undefined where there is something wrong with the line. */
  readonly payload: string | undefined;
  readonly fault: string;
}

export interface Source {
  /** Whether it is a payload of the command line. */
  readonly single: boolean;
  items(): AsyncIterable<Item>;
  /** How much of a file was read, 0 to 1; undefined where nobody knows how much there is. */
  share(): number | undefined;
  /** Ends reading. */
  close(): void;
}

/**
 * What is to be published.
 *
 * @throws an Error that says what to give, where nothing is given or the file can't be read
 */
export async function openSource(payload: string | undefined, options: SourceOptions): Promise<Source> {
  if (options.delete !== undefined) {
    if (payload !== undefined || options.file !== undefined)
      throw new Error('--delete removes a key, so there is no payload: leave it out.');
    return single(JSON.stringify(['delete', options.delete]));
  }
  if (payload !== undefined) {
    const { payload: text, fault } = readItem(1, payload, options);
    if (text === undefined) throw new Error(`The payload ${fault}`);
    return single(text);
  }
  if (options.file !== undefined && options.file !== '-') return await fromFile(options.file, options);
  if (process.stdin.isTTY)
    throw new Error(
      'There is nothing to publish: give a payload, --file <file>, or pipe lines of JSON into it.',
    );
  return fromLines(
    () => process.stdin,
    options,
    () => undefined,
  );
}

function single(payload: string): Source {
  return {
    single: true,
    items: async function* () {
      yield { line: 1, payload, fault: '' };
    },
    share: () => undefined,
    close: () => {},
  };
}

async function fromFile(file: string, options: SourceOptions): Promise<Source> {
  let bytes: number;
  try {
    bytes = (await stat(file)).size;
  } catch {
    throw new Error(`--file ${file}: there is no such file. It holds one payload a line, as JSON.`);
  }
  let stream: ReadStream | undefined;
  const open = (): Readable => (stream = createReadStream(file));
  return fromLines(open, options, () => (bytes > 0 ? (stream?.bytesRead ?? 0) / bytes : undefined));
}

function fromLines(open: () => Readable, options: SourceOptions, share: Source['share']): Source {
  let stream: Readable | undefined;
  let lines: Interface | undefined;
  let closed = false;
  return {
    single: false,
    items: async function* () {
      if (closed) return;
      // Not before somebody asks: it reads at once, and lines that nobody waits for are lost.
      stream = open();
      lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
      let line = 0;
      for await (const text of lines) {
        line++;
        if (text.trim() !== '' || options.text) yield readItem(line, text, options);
      }
    },
    share,
    close: () => {
      closed = true;
      lines?.close();
      stream?.destroy();
    },
  };
}

/** A line as the payload that is published. */
function readItem(line: number, text: string, { text: isText, set }: SourceOptions): Item {
  // Editors on Windows begin a file with a mark that is no part of its text.
  const value = isText ? JSON.stringify(text) : text.replace(/^\ufeff/, '').trim();
  try {
    JSON.parse(value);
  } catch {
    return {
      line,
      payload: undefined,
      fault: 'is not JSON. A text needs quotes of its own, \'"hello"\', or --text.',
    };
  }
  return { line, payload: set === undefined ? value : `["set",${JSON.stringify(set)},${value}]`, fault: '' };
}
