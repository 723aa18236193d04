import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { packageRoot } from '../package-root.mjs';
import { treeCpuMs } from '../measure/cpu.mjs';

/** Durable: fsync, synchronous_commit and full_page_writes stay on, as autovacuum does. */
const SETTINGS = {
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  max_connections: '200',
  // A checkpoint is made before each run, so that none falls into one.
  checkpoint_timeout: '30min',
  // Counts the statements of `idle`, and nothing otherwise.
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'none',
};
const NAMED = [...Object.keys(SETTINGS), 'fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum', 'wal_level'];

/** The name of connections that do not count. */
const OURSELVES = 'notify-queue bench';

/** The server of a benchmark, and the databases of its runs. */
export class Postgres {
  /** @type {import('pg').Pool} */
  #admin;
  #server;
  #pid;
  #runs = 0;
  /** Databases to copy, by what they hold. @type {Map<string, string>} */
  #templates = new Map();

  static async start() {
    const url = process.env.DATABASE_URL;
    if (url) return new Postgres({ url, stop: async () => {} });
    const file = join(packageRoot, 'dist/sample/database/embedded-postgres.js');
    const { startEmbeddedPostgres } = await import(pathToFileURL(file).href);
    const server = await startEmbeddedPostgres({ settings: SETTINGS });
    const lock = await readFile(join(server.dataDirectory, 'data', 'postmaster.pid'), 'utf8');
    return new Postgres(server, Number(lock.split('\n')[0]));
  }

  /** @param {{ url: string, stop(): Promise<void> }} server @param {number} [pid] of its postmaster, when it is ours */
  constructor(server, pid) {
    this.#server = server;
    this.#pid = pid;
    this.#admin = new pg.Pool({ connectionString: server.url, max: 2 });
    this.#admin.on('error', () => {}); // the query that meets it tells
  }

  async describe() {
    const { rows } = await this.#admin.query(
      `SELECT name, current_setting(name) AS value FROM pg_settings WHERE name = ANY($1) ORDER BY name`,
      [NAMED],
    );
    const { rows: version } = await this.#admin.query('SHOW server_version');
    const settings = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    return { version: version[0].server_version, embedded: this.#pid !== undefined, settings };
  }

  /** An empty database. */
  async database() {
    return this.#create();
  }

  /**
   * A copy of a database that was prepared when it was first asked for.
   *
   * @param {string} key
   * @param {(database: RunDatabase) => Promise<void>} prepare
   */
  async copy(key, prepare) {
    if (!this.#templates.has(key)) this.#templates.set(key, await this.#makeTemplate(prepare));
    return this.#create(this.#templates.get(key));
  }

  /** Frees what the copies were made from. */
  async dropTemplates() {
    for (const name of this.#templates.values()) await this.#admin.query(`DROP DATABASE IF EXISTS ${name}`);
    this.#templates.clear();
  }

  async stop() {
    await this.dropTemplates();
    await this.#admin.end();
    await this.#server.stop();
  }

  async #makeTemplate(prepare) {
    const database = await this.#create();
    try {
      await prepare(database);
      await database.settle();
      return database.name;
    } catch (error) {
      await database.drop();
      throw error;
    }
  }

  /** @param {string} [template] */
  async #create(template) {
    const name = `bench_${process.pid}_${++this.#runs}`;
    await this.#admin.query('CHECKPOINT').catch(() => {}); // not everybody may
    await this.#admin.query(
      `CREATE DATABASE ${name}` + (template ? ` TEMPLATE ${template}${await this.#strategy(template)}` : ''),
    );
    const url = new URL(this.#server.url);
    url.pathname = `/${name}`;
    return new RunDatabase(name, url.href, this.#admin, this.#pid);
  }

  /** Pages that were copied by way of the WAL need no full image when they are first changed. */
  async #strategy(template) {
    const { rows } = await this.#admin.query('SELECT pg_database_size($1)::float8 AS size', [template]);
    const { rows: version } = await this.#admin.query('SHOW server_version_num');
    return Number(version[0].server_version_num) >= 150_000 && rows[0].size > 1e9 ? ' STRATEGY file_copy' : '';
  }
}

/** The database of one run. */
export class RunDatabase {
  #admin;
  #pid;

  /** @param {string} name @param {string} url @param {import('pg').Pool} admin @param {number} [pid] */
  constructor(name, url, admin, pid) {
    this.name = name;
    this.url = url;
    this.#admin = admin;
    this.#pid = pid;
  }

  async usage() {
    const { rows } = await this.#admin.query(
      `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS "walBytes", xact_commit::float8 AS commits
       FROM pg_stat_database WHERE datname = $1`,
      [this.name],
    );
    return { ...rows[0], cpuMs: treeCpuMs(this.#pid) };
  }

  async connections() {
    const { rows } = await this.#admin.query(
      `SELECT count(*)::integer AS count FROM pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend' AND application_name <> $2`,
      [this.name, OURSELVES],
    );
    return rows[0].count;
  }

  /** Brings the tables to the state that autovacuum brings them to, so that it need not do so during the run. */
  async settle() {
    await this.connected((client) => client.query('VACUUM (ANALYZE)'));
  }

  /**
   * Runs something on a connection of its own.
   *
   * @template T
   * @param {(client: import('pg').Client) => Promise<T>} work
   */
  async connected(work) {
    const client = new pg.Client({ connectionString: this.url, application_name: OURSELVES });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end();
    }
  }

  /** Has connections that are opened from now on tell of their statements. */
  async trackStatements() {
    if (this.#pid === undefined) return; // a server that is not ours to set up
    await this.#admin.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await this.#admin.query(`ALTER DATABASE ${this.name} SET pg_stat_statements.track = 'top'`);
  }

  /** How many statements there were; undefined when the server was not asked to count. */
  async statements() {
    if (this.#pid === undefined) return undefined;
    const { rows } = await this.#admin.query(
      `SELECT COALESCE(sum(calls), 0)::float8 AS calls FROM pg_stat_statements s
       JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = $1`,
      [this.name],
    );
    return rows[0].calls;
  }

  async drop() {
    await this.#admin.query(`DROP DATABASE IF EXISTS ${this.name} WITH (FORCE)`);
  }
}
