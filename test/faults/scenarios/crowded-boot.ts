import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { migrateTemplate } from '../../support/migrate-template.js';
import { dumpSchema } from '../../support/schema-dump.js';
import { databaseUrl, withClient } from '../../support/server.js';
import { until } from '../../support/wait.js';
import { happened, spawnWorker, type Worker } from '../../support/worker.js';
import type { FaultServer } from '../fault-server.js';

/** Makes each step of a migration last, so that it can be met in the middle. */
const SLOW = `
CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.03); END';
CREATE EVENT TRIGGER slow ON ddl_command_end EXECUTE FUNCTION slow()`;

/** Processes boot at once on an empty database, and the one that has begun to migrate it is killed. */
export async function crowdedBoot(server: FaultServer, processes: number): Promise<void> {
  const [url, alone] = [await emptyDatabase(server), await emptyDatabase(server)];
  await migrateTemplate(alone);
  await withClient(url, (client) => client.query(SLOW));
  const workers = Array.from({ length: processes }, (_, n) => boot(url, `boot-${n}`));

  const victim = await until(() => migrating(url), { timeout: 50_000, message: 'nobody migrates' });
  workers[victim]!.kill('SIGKILL');
  expect(await workers[victim]!.exited).toMatchObject({ signal: 'SIGKILL' });
  // Its transaction was open: the server has nothing of it.
  expect(workers[victim]!.events).toEqual([]);

  const others = workers.filter((_, n) => n !== victim);
  await Promise.all(others.map((worker) => worker.waitFor(happened('app:started'), { timeout: 50_000 })));
  await withClient(url, async (client) => {
    const query = async (sql: string, params?: unknown[]): Promise<any[]> => (await client.query(sql, params)).rows;
    const expected = await withClient(alone, (other) => dumpSchema({ query: async (sql, params) => (await other.query(sql, params)).rows as never }));
    expect(await dumpSchema({ query })).toBe(expected);
    const [ledger] = await query('SELECT count(*)::int AS steps, count(DISTINCT name)::int AS names FROM notify_queue.job_migrations');
    expect(ledger.steps).toBe(ledger.names);
  });
  for (const worker of others) worker.kill('SIGTERM');
  const exits = await Promise.all(others.map((worker) => worker.exited));
  expect(exits.map(({ code }) => code)).toEqual(others.map(() => 0));
  expect(others.map(({ stderr }) => stderr).join('')).toBe('');
}

async function emptyDatabase(server: FaultServer): Promise<string> {
  const name = `faults_${randomBytes(4).toString('hex')}`;
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
  return databaseUrl(server.url, name);
}

function boot(url: string, applicationName: string): Worker {
  return spawnWorker({ url, options: { migrations: 'run' }, env: { ON_SIGTERM: 'close', TYPEORM_OPTIONS: JSON.stringify({ applicationName }) } });
}

/** The number of the process that holds a new table of ours which nobody else sees yet. */
async function migrating(url: string): Promise<number | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ application_name: string }>(
      `SELECT DISTINCT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE datname = current_database() AND mode = 'AccessExclusiveLock' AND granted AND locktype = 'relation'`,
    );
    const name = rows.find((row) => row.application_name.startsWith('boot-'))?.application_name;
    return name === undefined ? undefined : Number(name.slice('boot-'.length));
  });
}
