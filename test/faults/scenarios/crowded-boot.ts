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
  // A role for each tells whose connection is whose.
  const roles = Array.from({ length: processes }, () => `boot_${randomBytes(4).toString('hex')}`);
  for (const role of roles) await withClient(url, (client) => client.query(`CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'boot'`));
  const workers = new Map(roles.map((role) => [role, boot(url, role)]));

  const victim = workers.get(await until(() => migrating(url), { timeout: 50_000, interval: 2, message: 'nobody migrates' }))!;
  victim.kill('SIGKILL');
  expect(await victim.exited).toMatchObject({ signal: 'SIGKILL' });
  expect(victim.events.filter(happened('app:started'))).toEqual([]);

  const others = [...workers.values()].filter((worker) => worker !== victim);
  await Promise.all(others.map((worker) => worker.waitFor(happened('app:started'), { timeout: 50_000 })));
  await withClient(url, async (client) => {
    const query = async (sql: string, params?: unknown[]): Promise<any[]> => (await client.query(sql, params)).rows;
    const expected = await withClient(alone, (other) => dumpSchema({ query: async (sql, params) => (await other.query(sql, params)).rows as never }));
    expect(await dumpSchema({ query })).toBe(expected);
    const [ledger] = await query('SELECT count(*)::int AS steps, count(DISTINCT name)::int AS names FROM notify_queue.job_migrations');
    expect(ledger.steps).toBe(ledger.names);
    // What the killed one had made is gone, and somebody else has made it.
    const [{ owner }] = await query(`SELECT tableowner AS owner FROM pg_tables WHERE schemaname = 'notify_queue' AND tablename = 'jobs'`);
    expect(workers.get(owner)).toSatisfy((worker: Worker) => others.includes(worker));
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

function boot(url: string, role: string): Worker {
  const own = new URL(url);
  own.username = role;
  own.password = 'boot';
  return spawnWorker({ url: own.href, options: { migrations: 'run' }, env: { ON_SIGTERM: 'close' } });
}

/** The role that has made tables of ours in a transaction that is open. */
async function migrating(url: string): Promise<string | undefined> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ usename: string }>(
      `SELECT usename FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE datname = current_database() AND usename LIKE 'boot%' AND mode = 'AccessExclusiveLock' AND granted AND locktype = 'relation'`,
    );
    return rows[0]?.usename;
  });
}
