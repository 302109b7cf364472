/**
 * Time as this process had it: at work, or with nothing to do. What the machine gave to other programs meanwhile isn't counted, so a
 * bound on it says something about the server that runs here, however busy the machine is.
 */
import { performance } from 'node:perf_hooks';

/** Starts to count; what it returns tells how many ms there were since. */
export function stopwatch(): () => number {
  const loop = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  return () => {
    const { idle } = performance.eventLoopUtilization(loop);
    const { user, system } = process.cpuUsage(cpu);
    return idle + (user + system) / 1000;
  };
}
