import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach } from 'vitest';
import { startApp, type TestApp, type TestAppOptions } from './app.js';
import type { TestDatabase } from './database.js';
import { until } from './wait.js';

export type AppOptions = Omit<TestAppOptions, 'url'> & { readonly url?: string };

/** Starts instances on one database; those that a test leaves running are closed after it. */
export function useApps(database: TestDatabase, base: AppOptions['queue'] = {}): (options?: AppOptions) => Promise<TestApp> {
  const running = new Set<TestApp>();
  afterEach(async () => {
    await Promise.all([...running].map((app) => app.close()));
    running.clear();
  });
  return async (options = {}) => {
    const started = await startApp({ url: database.url, ...options, queue: { ...base, ...options.queue } });
    const app = {
      ...started,
      async close() {
        if (running.delete(app)) await started.close();
      },
    };
    running.add(app);
    return app;
  };
}

/** Boots an application that must not start, and gives what stopped it. */
export async function bootError(database: TestDatabase, options: AppOptions): Promise<Error & { code?: string }> {
  let app: TestApp;
  try {
    app = await startApp({ url: database.url, ...options });
  } catch (error) {
    // Nest stops nothing after a failed boot, since the process is to end. TypeORM may still be
    // connecting; only its idle connections have somebody who listens for their end.
    const others = `FROM pg_stat_activity WHERE datname = current_database() AND application_name <> 'test'`;
    const connected = async () =>
      (await database.query(`SELECT 1 ${others} AND state = 'idle' AND query LIKE '%current_schema%'`)).length > 0;
    await until(connected, { timeout: 1_000 }).catch(() => undefined);
    await database.query(`SELECT pg_terminate_backend(pid) ${others}`);
    return error as Error;
  }
  await app.close();
  throw new Error('The application started');
}

/** Ends the connections of applications that did not start, those that are still being opened included. */
export async function endFailedBoots(database: TestDatabase): Promise<void> {
  for (let quiet = 0; quiet < 3; ) {
    await sleep(100);
    const ended = await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name <> 'test' AND state = 'idle'`,
    );
    quiet = ended.length === 0 ? quiet + 1 : 0;
  }
}
