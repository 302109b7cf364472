/**
 * `syncline doctor`: examines a deployment from outside and says what it finds: what is so, why it matters, how to mend it. Here are
 * the words of the command line and the printing; what is looked at is doctor/examine.ts' matter.
 */
import { styleText } from 'node:util';
import { systemClock } from '@syncline/protocol/wire';
import { addressOf, type ConnectOptions, readCa, tokens } from './connect.ts';
import { examine } from './doctor/examine.ts';
import type { Finding, Level } from './doctor/finding.ts';
import { exit, leaveWith, onLeave, safe, writeLine } from './output.ts';

/** The options, as they are read. */
export interface DoctorOptions extends Omit<ConnectOptions, 'url'> {
  /** ms. */
  readonly watch: number;
  readonly origin?: string;
  readonly json?: true;
}

/** How long any one step may take, in ms. */
const patienceMs = 10_000;

/** Examines, and prints each finding as soon as it is there. @throws what keeps it from beginning */
export async function doctor(address: string, options: DoctorOptions): Promise<void> {
  const url = addressOf(address);
  const origin = readOrigin(options.origin);
  const token = await tokens(options)?.();
  const ca = await readCa(options);
  onLeave(() => leaveWith(130));
  const print = (finding: Finding): void => {
    if (!options.json) writeLine(linesOf(finding));
  };
  const findings = await examine(
    { url, ca, token, origin, watchMs: options.watch, patienceMs, clock: systemClock },
    print,
  );
  const faults = findings.filter(({ level }) => level === 'fault').length;
  const warnings = findings.filter(({ level }) => level === 'warning').length;
  if (options.json) writeLine(JSON.stringify({ url: url.href, faults, warnings, findings }));
  else writeLine(`\n${verdict(faults, warnings)}`);
  leaveWith(faults > 0 ? exit.failed : exit.done);
}

/** @throws Error for what is no origin */
function readOrigin(text: string | undefined): string | undefined {
  if (text === undefined || URL.parse(text)?.origin === text) return text;
  throw new Error(
    `Expected --origin to be like https://app.example, without a path, got ${JSON.stringify(text)}.`,
  );
}

const colours = { good: 'green', skipped: 'gray', warning: 'yellow', fault: 'red' } as const;
const heads: Readonly<Record<Level, string>> = {
  good: 'good',
  skipped: '-',
  warning: 'WARNING',
  fault: 'FAULT',
};

function linesOf({ check, level, what, why, mend = [] }: Finding): string {
  const head = styleText(colours[level], heads[level].padEnd(9), { stream: process.stdout });
  const indent = ' '.repeat(21);
  const lines = [`${head}${check.padEnd(12)}${safe(what)}`];
  if (why !== undefined) lines.push(`${indent}Why: ${why}`);
  for (const one of mend) lines.push(`${indent}Mend: ${one}`);
  return lines.join('\n');
}

function verdict(faults: number, warnings: number): string {
  if (faults + warnings === 0) return 'Nothing was found.';
  const count = (number: number, one: string): string => `${number} ${number === 1 ? one : `${one}s`}`;
  return `${count(faults, 'fault')}, ${count(warnings, 'warning')}.`;
}
