import { fakeProviders } from './fake/fake-providers.js';
import { readTestMode, type TestQueueOptions } from './testing-options.js';

/** What `Test.createTestingModule` returns, as far as it matters here. */
export interface OverridableModuleBuilder {
  overrideProvider(token: unknown): {
    useFactory(options: { factory: (...args: never[]) => unknown; inject?: unknown[] }): unknown;
  };
}

/**
 * Gives a whole application a queue in memory: in the place of the database of each `NotifyQueueModule`, and of what runs
 * its jobs. The application's own data source stays as it is, and jobs take part in its transactions.
 *
 * @example
 * const app = await withTestQueue(Test.createTestingModule({ imports: [AppModule] }), { mode: 'inline' }).compile();
 * const jobs = getJobQueueTester(app);
 * @throws InvalidOptionError
 */
export function withTestQueue<Builder extends OverridableModuleBuilder>(builder: Builder, { mode }: TestQueueOptions = {}): Builder {
  for (const { provide, useFactory, inject } of fakeProviders(readTestMode(mode))) {
    builder.overrideProvider(provide).useFactory({ factory: useFactory, inject });
  }
  return builder;
}
