/**
 * The commands and their options, as one table: what is parsed, what `--help` says and what docs/reference/cli.md is generated from.
 * What a command does stands in the file of its name, which is loaded when it is needed.
 */
import { Argument, Command, Option } from 'commander';
import type { BenchOptions } from './bench.ts';
import type { DevOptions } from './dev.ts';
import type { DoctorOptions } from './doctor.ts';
import type { PublishOptions } from './publish.ts';
import type { ServeOptions } from './serve.ts';
import type { TailOptions } from './tail.ts';
import type { TokenOptions } from './token.ts';
import { collect, rate, size, template, time, urlDefault, whole } from './values.ts';

const port = whole(0, 65_535, 'a number');
const count = whole(1, 1_000_000, 'a number');

/** Where the server is, unless a command is told otherwise. */
const urlNow = process.env['SYNCLINE_URL'] || urlDefault;

/** Options of all commands that are clients. */
const asClient = {
  url: () =>
    new Option(
      '--url <address>',
      'where the server is; SYNCLINE_URL of the environment says it for all',
    ).default(urlNow, urlDefault),
  token: () =>
    new Option('--token-file <file>', 'a file with a token; without it SYNCLINE_TOKEN of the environment'),
  ca: () => new Option('--ca <file>', 'a certificate to trust besides those that everybody trusts, PEM'),
};

/** An option that is a time. */
function timed(flags: string, doc: string, text: string): Option {
  return new Option(flags, doc).argParser(time).default(time(text), text);
}

/** The command with all its subcommands. */
export function createProgram(): Command {
  const program = new Command('syncline').description(
    'Keeps live data in step between a server and whoever looks at it.',
  );
  addServers(program);
  addClients(program);
  addExaminers(program);
  return program;
}

function addServers(program: Command): void {
  program
    .command('serve')
    .description('Runs a server by itself.')
    .requiredOption('--channels <module>', 'a module that exports `channels`, made by defineChannels()')
    .option('--port <number>', 'the port; 0 takes a free one', port, 8080)
    .option(
      '--host <name>',
      'the address to listen on; others are reached only with TLS and tokens',
      'localhost',
    )
    .option('--data <dir>', 'the folder of the logs', 'syncline-data')
    .option('--origin <origin>', 'an origin whose pages may connect; may be given again', collect)
    .option('--jwt-secret-file <file>', 'a file with the secret that tokens are signed with (HS256)')
    .option('--tls-cert <file>', 'the certificate with its chain, PEM; read again when it changes')
    .option('--tls-key <file>', 'its private key, PEM')
    .addOption(
      new Option(
        '--tls-dev',
        'makes a certificate for localhost, and keeps it in the folder of the logs',
      ).conflicts(['tlsCert', 'tlsKey']),
    )
    .option(
      '--trust-proxy [number]',
      'a proxy of yours serves TLS, or so many in a row',
      whole(1, 16, 'a number of proxies'),
    )
    .action(async (options: ServeOptions) => (await import('./serve.ts')).serve(options));
  program
    .command('dev')
    .description(
      'Runs a server for trying out: no tokens, tells what happens, begins anew when the contract changes.',
    )
    .option(
      '--channels <module>',
      'a module that exports `channels`, made by defineChannels()',
      'channels.ts',
    )
    .option('--port <number>', 'the port; 0 takes a free one', port, 8080)
    .option('--data <dir>', 'a folder that keeps the logs; without it they are in memory')
    .action(async (options: DevOptions) => (await import('./dev.ts')).dev(options));
  program
    .command('token')
    .description('Makes a token for trying out, signed with the secret of `serve --jwt-secret-file`.')
    .requiredOption('--user <name>', 'whom it is for')
    .requiredOption(
      '--secret-file <file>',
      'a file with the secret; make one: openssl rand -base64 32 > secret',
    )
    .requiredOption(
      '--can <pattern=actions>',
      'what it allows, such as "chat/:room=subscribe,publish"; may be given again',
      collect,
    )
    .option('--for <time>', 'how long, such as 30m; serve takes 24h at most', '1h')
    .action(async (options: TokenOptions) => (await import('./token.ts')).token(options));
}

function addClients(program: Command): void {
  program
    .command('publish')
    .description('Publishes payloads, in their order and each once, however often the connection breaks.')
    .argument('<channel>', 'such as chat/lobby')
    .argument('[payload]', 'JSON; without it lines of JSON from --file or stdin')
    .addOption(asClient.url())
    .addOption(new Option('--file <file>', 'one payload a line, JSON').conflicts(['delete']))
    .option('--text', 'payloads are texts, not JSON')
    .addOption(
      new Option('--set <key>', 'payloads are values of this key of a state channel').conflicts(['delete']),
    )
    .option('--delete <key>', 'removes this key of a state channel')
    .addOption(timed('--wait <time>', 'how long to try before a payload is given up', '1m'))
    .option('--json', 'prints what became of it as JSON')
    .addOption(asClient.token())
    .addOption(asClient.ca())
    .action(async (channel: string, payload: string | undefined, options: PublishOptions) =>
      (await import('./publish.ts')).publish(channel, payload, options),
    );
  program
    .command('tail')
    .description(
      'Prints the entries of a channel of any kind as they come; after a cut it goes on where it was.',
    )
    .argument('<channel>', 'such as chat/lobby, or chat/lobby?presence for who is there')
    .addOption(asClient.url())
    .addOption(
      new Option(
        '--since <where>',
        'from there on: start, an offset, a time ago such as 10m, or a `position` of --json; default only what comes next',
      ).conflicts(['last']),
    )
    .option('--last <number>', 'begins with so many entries that are there', count)
    .option('--count <number>', 'ends after so many entries', count)
    .option('--no-follow', 'ends when all that is there is printed')
    .option('--json', 'prints a JSON object a line')
    .addOption(asClient.token())
    .addOption(asClient.ca())
    .action(async (channel: string, options: TailOptions) =>
      (await import('./tail.ts')).tail(channel, options),
    );
}

function addExaminers(program: Command): void {
  program
    .command('bench')
    .description('Puts load on a deployment of yours, and measures it: times, rates, loss and doubles.')
    .addArgument(new Argument('[url]', 'where the server is').default(urlNow, urlDefault))
    .requiredOption('--channel <name>', 'the channel, or channels: {n} stands for their number')
    .option('--channels <number>', 'how many channels', count, 1)
    .option('--connections <number>', 'how many connections; each reads a channel, or several', count, 10)
    .option('--publishers <number>', 'how many of them publish, for each channel', count, 1)
    .option('--rate <number>', 'entries a second, for each channel', rate, 1)
    .option('--size <bytes>', 'how large a payload is, such as 100 or 4k', size, 100)
    .option(
      '--message <json>',
      'what is published instead, with {n} and {run} in it to tell entries apart',
      template,
    )
    .addOption(timed('--duration <time>', 'how long to publish', '10s'))
    .addOption(timed('--settle <time>', 'how long connections, and the last entries, may take', '10s'))
    .option('--json', 'prints the result as JSON')
    .addOption(asClient.token())
    .addOption(asClient.ca())
    .action(async (url: string, options: BenchOptions) => (await import('./bench.ts')).bench(url, options));
  program
    .command('doctor')
    .description('Examines a deployment from outside, proxies included, and says how to mend what it finds.')
    .argument('<url>', 'where the server is, such as wss://app.example/sync')
    .addOption(timed('--watch <time>', 'how long to listen for heartbeats at most', '75s'))
    .option('--origin <origin>', 'the origin of your pages; default the server’s own')
    .option('--json', 'prints what was found as JSON')
    .addOption(asClient.token())
    .addOption(asClient.ca())
    .action(async (url: string, options: DoctorOptions) =>
      (await import('./doctor.ts')).doctor(url, options),
    );
}

/** One row of the reference: an argument or an option of a command. */
export interface OptionRow {
  readonly command: string;
  /** Undefined: the command itself. */
  readonly name: string | undefined;
  readonly default: unknown;
  readonly doc: string;
}

/** All arguments and options, as the reference page shows them. */
export const optionRows: readonly OptionRow[] = createProgram().commands.flatMap((command) => {
  const row = (name: string | undefined, value: unknown, doc: string): OptionRow => ({
    command: command.name(),
    name,
    default: value,
    doc,
  });
  return [
    row(undefined, undefined, command.description()),
    ...command.registeredArguments.map((one) =>
      row(
        one.required ? `<${one.name()}>` : `[${one.name()}]`,
        one.defaultValueDescription ?? one.defaultValue,
        one.description,
      ),
    ),
    ...command.options.map((one) =>
      row(
        one.flags,
        one.negate ? undefined : (one.defaultValueDescription ?? one.defaultValue),
        one.mandatory ? `${one.description}; must be given` : one.description,
      ),
    ),
  ];
});
