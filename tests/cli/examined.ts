/**
 * What `syncline doctor` found, as its `--json` prints it, for the tests that let it look. It starts the command and reads; what should
 * have been found is the tests' matter.
 */
import { syncline } from './command.ts';

/** What was found. */
export interface Examined {
  readonly code: number | null;
  readonly url: string;
  readonly faults: number;
  readonly warnings: number;
  readonly findings: readonly {
    readonly check: string;
    readonly level: string;
    readonly what: string;
    readonly why?: string;
    readonly mend?: readonly string[];
  }[];
}

/** Lets the doctor look. */
export async function examined(url: string, ...args: readonly string[]): Promise<Examined> {
  const { output, ended } = syncline('doctor', url, '--json', ...args);
  const code = await ended;
  if (output.out === '') throw new Error(output.err);
  return { code, ...(JSON.parse(output.out) as Omit<Examined, 'code'>) };
}

/** How good each thing was found to be. */
export function levels({ findings }: Examined): Record<string, string> {
  return Object.fromEntries(findings.map(({ check, level }) => [check, level]));
}
