import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import { databaseUrl, withClient } from './server.js';

const TEMPLATE_BUSY = '55006';
const TEMPLATE_TIMEOUT_MS = 10_000;
const LEAK_GRACE_MS = 2_000;

/** A database for one test file, dropped at its end. */
export interface TestDatabase {
  /** For applications; see `TestServer`. */
  readonly url: string;
  readonly name: string;
  /** Runs one statement on whatever connection is free, and returns its rows. */
  query<T = any>(sql: string, params?: unknown[]): Promise<T[]>;
  /** A connection of one's own, for transactions and LISTEN; closed by `drop` at the latest. */
  client(): Promise<pg.Client>;
  /**
   * Drops the database.
   * @throws Error naming the connections that the code under test left open, or when statements deadlocked
   */
  drop(): Promise<void>;
}

/** Clones the migrated template, or makes an empty database with `migrated: false`. */
export async function createTestDatabase({ migrated = true, mayDeadlock = false } = {}): Promise<TestDatabase> {
  const server = inject('server');
  const name = `${server.prefix}_${randomBytes(4).toString('hex')}`;
  await createDatabase(server.url, name, migrated ? server.template : 'template0');

  const url = databaseUrl(server.url, name);
  const applicationUrl = databaseUrl(server.applicationUrl, name);
  const pool = new pg.Pool({ connectionString: url, max: 3, application_name: 'test' });
  pool.on('error', () => {}); // a test may cut connections; the next query opens a new one
  const clients = new Set<pg.Client>();

  return {
    url: applicationUrl,
    name,
    query: async (sql, params) => (await pool.query(sql, params)).rows,
    async client() {
      const client = new pg.Client({ connectionString: url, application_name: 'test' });
      client.on('error', () => {});
      await client.connect();
      clients.add(client);
      client.once('end', () => clients.delete(client));
      return client;
    },
    async drop() {
      await Promise.all([pool.end(), ...[...clients].map((client) => client.end())]);
      await withClient(server.url, async (admin) => {
        const leaks = await findLeaks(admin, name);
        const { rows: [stats] } = await admin.query('SELECT deadlocks FROM pg_stat_database WHERE datname = $1', [name]);
        await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
        if (leaks.length > 0) throw new Error(`Connections left open:\n${leaks.join('\n')}`);
        if (Number(stats.deadlocks) > 0 && !mayDeadlock) throw new Error(`PostgreSQL broke ${stats.deadlocks} deadlocks in this database; its log tells of them`);
      });
    },
  };
}

/** Gives a test file its database by hooks; what it returns works from `beforeAll` on. */
export function useTestDatabase(options?: { migrated?: boolean; mayDeadlock?: boolean }): TestDatabase {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createTestDatabase(options);
  });
  afterAll(() => database?.drop());
  return new Proxy({} as TestDatabase, {
    get(_, key: keyof TestDatabase) {
      if (!database) throw new Error('The test database exists from beforeAll on');
      return database[key];
    },
  });
}

async function createDatabase(url: string, name: string, template: string): Promise<void> {
  const deadline = performance.now() + TEMPLATE_TIMEOUT_MS;
  await withClient(url, async (admin) => {
    for (;;) {
      try {
        await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
        return;
      } catch (error) {
        const busy = error instanceof pg.DatabaseError && error.code === TEMPLATE_BUSY;
        if (!busy || performance.now() > deadline) throw error;
        await sleep(50);
      }
    }
  });
}

/** A closed connection stays listed for a moment: only what outlives the grace is a leak. */
async function findLeaks(admin: pg.Client, name: string): Promise<string[]> {
  const deadline = performance.now() + LEAK_GRACE_MS;
  for (;;) {
    const { rows } = await admin.query<{ leak: string }>(
      `SELECT format('%s (%s): %s', application_name, state, query) AS leak
         FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
      [name],
    );
    if (rows.length === 0 || performance.now() > deadline) return rows.map(({ leak }) => leak);
    await sleep(20);
  }
}
