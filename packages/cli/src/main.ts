#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/**
 * The `syncline` command: its subcommands and options, as one table, and how it fails: with one line and exit code 1. What a
 * subcommand does stands in the file of its name, which is loaded when it is needed.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ServeOptions } from './serve.ts';
import type { TokenOptions } from './token.ts';

/** Whatever keeps a command from being done, as one line. */
function fail(thrown: unknown): never {
  process.stderr.write(oneLine(thrown instanceof Error ? thrown.message : String(thrown)));
  process.exit(1);
}

function oneLine(text: string): string {
  const line = text.trim().replace(/^error: /, '');
  return `syncline: ${line.replaceAll(/\s*\n\s*/g, ' ')}\n`;
}

function port(text: string): number {
  if (/^\d+$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a number from 0 to 65535.');
}

function proxies(text: string): number {
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 16) return Number(text);
  throw new InvalidArgumentError('It must be a number of proxies from 1 to 16.');
}

function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

const program = new Command('syncline')
  .description('Keeps live data in step between a server and whoever looks at it.')
  .configureOutput({ outputError: (text, write) => write(oneLine(text)) });

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
  .option('--trust-proxy [number]', 'a proxy of yours serves TLS, or so many in a row', proxies)
  .action(async (options: ServeOptions) => (await import('./serve.ts')).serve(options));

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

await program.parseAsync().catch(fail);
