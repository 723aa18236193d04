import { defineConfig } from 'vitest/config';
import { keepTemporaryFilesInMemory } from './test/support/temporary-files.js';

keepTemporaryFilesInMemory();

const DATABASE_TESTS = 'test/{integration,faults,e2e}/**/*.test.ts';

/** What takes long is run by `npm run faults` only. */
const LONG_TESTS = process.env['FAULT_ALL'] ? [] : ['test/faults/**/*.long.test.ts'];

/** Two projects, so that unit tests run without a server: `vitest run --project unit`. */
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 3,
    // To load the package and its peers for each file took a fifth of the time. A file leaves nothing behind: leak-check.ts.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    setupFiles: ['test/support/leak-check.ts'],
    reporters: ['default', './test/support/counting-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [DATABASE_TESTS],
        },
      },
      {
        extends: true,
        test: {
          name: 'database',
          include: [DATABASE_TESTS],
          exclude: LONG_TESTS,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
});
