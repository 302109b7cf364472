// Which tests there are and how they run. Type tests (*.types.test.ts) are the compiler's, and what asks the compiler (*.compile.test.ts)
// stands beside them: `npm run check` runs those.
import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const browserTests = ['tests/browser/**/*.test.ts', '**/*.browser.test.ts'];
const compileTests = ['**/*.compile.test.ts'];
const redisTests = ['**/{redis,*.redis}.test.ts'];

/**
 * What takes longest, in that order: in each project it begins first, so that in the end nobody waits for one file alone. What mostly
 * waits, as faults and the conformance suite do, stands among what works, or the processors would have nothing to do.
 */
const longest = [
  'tests/faults/harness/faults.redis.test.ts',
  'tests/conformance/streams.redis.test.ts',
  'packages/server/src/broker/disk.test.ts',
  'packages/server/src/fold/doc/worker.test.ts',
  'tests/faults/harness/faults.test.ts',
  'examples/start.test.ts',
  'tests/conformance/disk.test.ts',
  'packages/cli/src/main.test.ts',
  'tests/edge/',
  'tests/simulation/simulation.test.ts',
  'tests/browser/fleet.test.ts',
  'tests/browser/whiteboard.test.ts',
  'tests/browser/',
  'tests/sockets/over.',
  'tests/package/',
  'tests/conformance/',
  'tests/',
  '.redis.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const turn = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((path) => moduleId.includes(path));
      return found === -1 ? longest.length : found;
    };
    // Those that share processes come last and together: one of them hands its process to the next in the queue only.
    const shares = ({ project }: TestSpecification): number => Number(project.name === 'shared');
    return (await super.sort(files)).sort((a, b) => shares(a) - shares(b) || turn(a) - turn(b));
  }
}

const never = [
  ...configDefaults.exclude,
  '**/*.types.test.ts',
  ...(process.env['NO_BROWSER'] ? browserTests : []),
  ...(process.env['NO_REDIS'] ? redisTests : []),
];
/** Each in a process of its own: what fills the memory, takes most of a processor's time by itself, or replaces modules (`vi.mock`). */
const apart = [
  'tests/package/*.test.ts',
  'tests/sockets/over.*.test.ts',
  'tests/simulation/{docs,simulation}.test.ts',
  'packages/server/src/{options,transports/tls}.test.ts',
];

const common = {
  pool: 'forks',
  // Much of what the slowest do is waiting: for a process, a browser, a time that is the subject.
  maxWorkers: availableParallelism() + 3,
  // The last resort for what hangs: a property that takes four seconds takes thirty where eight others want the processor.
  testTimeout: 60_000,
  hookTimeout: 20_000,
  // How long something is looked at again and again: a machine with much else to do gets there too.
  expect: { poll: { timeout: 10_000, interval: 10 } },
  restoreMocks: true,
  unstubGlobals: true,
} as const;

export default defineConfig({
  test: {
    ...common,
    globalSetup: './scripts/setup.ts',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...common,
          name: 'apart',
          include: apart,
          exclude: [...never, ...browserTests, ...compileTests],
        },
      },
      { test: { ...common, name: 'compile', include: compileTests, exclude: never } },
      {
        // Files share a process one after another, as loading what drives a browser takes longer than starting one. And a look at a page
        // goes through three processes: fewer looks are soon enough.
        test: {
          ...common,
          name: 'browser',
          isolate: false,
          include: browserTests,
          exclude: never,
          expect: { poll: { ...common.expect.poll, interval: 50 } },
        },
      },
      {
        // Most of these take less time than a process takes to start, so they share a few: what a test changes for all, it puts back.
        test: {
          ...common,
          name: 'shared',
          isolate: false,
          include: ['{bench,examples,packages,scripts,tests}/**/*.test.ts'],
          exclude: [...never, ...apart, ...browserTests, ...compileTests],
        },
      },
    ],
  },
});
