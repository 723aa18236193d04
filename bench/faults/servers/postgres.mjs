import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { packageRoot } from '../../src/package-root.mjs';

const SETTINGS = { max_connections: '200', shared_buffers: '64MB', log_min_messages: 'fatal' };
/** Connections of the driver, which no fault hits. */
const OURSELVES = 'faults driver';
const load = () => import(pathToFileURL(join(packageRoot, 'dist/sample/database/embedded-postgres.js')).href);

/** A server that may be crashed and restarted, and a database of it for each trial. */
export class PostgresServer {
  #trials = 0;

  static async start() {
    const { startEmbeddedPostgres } = await load();
    const directory = await mkdtemp(join(tmpdir(), 'notify-queue-peers-'));
    return new PostgresServer(directory, await startEmbeddedPostgres({ dataDirectory: directory, settings: SETTINGS }));
  }

  constructor(directory, running) {
    this.directory = directory;
    this.running = running;
    // The server ends with this process by itself.
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  }

  /** For a trial: a new database. */
  async open() {
    this.name = `trial_${process.pid}_${++this.#trials}`;
    await this.#on(this.running.url, (client) => client.query(`CREATE DATABASE ${this.name}`));
    const url = new URL(this.running.url);
    url.pathname = `/${this.name}`;
    this.url = url.href;
    return { url: this.url };
  }

  async close() {
    await this.#on(this.running.url, (client) => client.query(`DROP DATABASE ${this.name} WITH (FORCE)`));
  }

  /** @returns {Promise<any[]>} */
  query(text, values) {
    return this.#on(this.url, async (client) => (await client.query(text, values)).rows);
  }

  async setDefault(setting, value) {
    await this.query(`ALTER DATABASE ${this.name} SET ${setting} = '${value}'`);
  }

  /** Stops as after a power failure, stays away, and recovers. */
  async crash(awayMs) {
    const { port } = this.running;
    const [pid] = (await readFile(join(this.directory, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGQUIT');
    await this.running.stop();
    await sleep(awayMs);
    const { startEmbeddedPostgres } = await load();
    this.running = await startEmbeddedPostgres({ dataDirectory: this.directory, port, settings: SETTINGS });
  }

  /** Connections of contenders. @returns {Promise<Array<{ pid: number, query: string, name: string, port: number }>>} */
  connections() {
    return this.query(
      `SELECT pid, query, application_name AS name, client_port AS port FROM pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend' AND application_name <> $2 ORDER BY backend_start`,
      [this.name, OURSELVES],
    );
  }

  async kill({ pid }) {
    await this.query('SELECT pg_terminate_backend($1)', [pid]);
  }

  async stop() {
    await this.running.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #on(url, work) {
    const client = new pg.Client({ connectionString: url, application_name: OURSELVES });
    client.on('error', () => {});
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => {});
    }
  }
}
