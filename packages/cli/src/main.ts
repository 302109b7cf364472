#!/usr/bin/env -S node --disable-warning=ExperimentalWarning
/**
 * The `syncline` command: reads the command line by the table of commands.ts, and says how it fails: with one line and an exit code
 * other than 0. It knows no command.
 */
import { createProgram } from './commands.ts';
import { safe } from './output.ts';

/** Whatever keeps a command from being done, as one line. */
function fail(thrown: unknown): never {
  process.stderr.write(oneLine(thrown instanceof Error ? thrown.message : String(thrown)));
  process.exit(1);
}

function oneLine(text: string): string {
  const line = text.trim().replace(/^error: /, '');
  return `syncline: ${safe(line.replaceAll(/\s*\n\s*/g, ' '))}\n`;
}

const program = createProgram();
// Subcommands have an output of their own.
for (const command of [program, ...program.commands])
  command.configureOutput({ outputError: (text, write) => write(oneLine(text)) });
await program.parseAsync().catch(fail);
