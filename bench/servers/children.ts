/**
 * What the processes use that a server under measurement starts beside itself: the one that folds documents, say. It is the server's
 * cost like its own, and Node tells a process of nobody's but its own. Read from Linux, which the benchmark runs on.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Linux tells time in these and memory in pages, and both are the same on every machine that Node runs on. */
const tickMs = 10;
const pageBytes = 4096;

/** What was used until now: of the processor, by those that have ended too, and of memory by those that are there. */
export interface Used {
  readonly cpuMs: number;
  readonly rss: number;
}

/** Asks for all processes that this one started, not for those that they started in turn. */
export function usedByChildren(): Used {
  const threads = readdirSync('/proc/self/task');
  const pids = threads.flatMap((thread) => words(readFileSync(`/proc/self/task/${thread}/children`, 'utf8')));
  // One that ends meanwhile counts with those that have ended, which are asked for last.
  const living = pids.flatMap((pid) => (existsSync(`/proc/${pid}`) ? stat(pid) : []));
  const ticks = living.reduce((sum, { own }) => sum + own, stat('self').ended);
  return { cpuMs: ticks * tickMs, rss: living.reduce((sum, { pages }) => sum + pages, 0) * pageBytes };
}

/** Ticks of a process and of its children that have ended, and the pages that it holds (proc_pid_stat(5)). */
function stat(pid: string): { readonly own: number; readonly ended: number; readonly pages: number } {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Its name, in brackets, may hold blanks and brackets.
  const fields = words(text.slice(text.lastIndexOf(')') + 1)).map(Number);
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11);
  return { own: user + system, ended: endedUser + endedSystem, pages: fields[21] ?? 0 };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
