// Which tests there are and how they run. Type tests (*.types.test.ts) are the compiler's: `npm run check` runs those.
import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';

const browserTests = ['tests/browser/**', '**/*.browser.test.ts'];
const redisTests = ['**/{redis,*.redis}.test.ts'];

export default defineConfig({
  test: {
    include: ['{packages,examples,tests,scripts,bench}/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      '**/*.types.test.ts',
      ...(process.env['NO_BROWSER'] ? browserTests : []),
      ...(process.env['NO_REDIS'] ? redisTests : []),
    ],
    pool: 'forks',
    // Much of what the slowest do is waiting: for a process, a browser, a time that is the subject.
    maxWorkers: availableParallelism() + 1,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // How long something is looked at again and again: a machine with much else to do gets there too.
    expect: { poll: { timeout: 10_000, interval: 10 } },
    restoreMocks: true,
    unstubGlobals: true,
  },
});
