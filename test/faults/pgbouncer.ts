import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { postgresAccount, type PostgresAccount } from '../../sample/database/embedded-postgres/account.js';
import { freePort } from '../../sample/database/embedded-postgres/server.js';
import { withClient } from '../support/server.js';
import { until } from '../support/wait.js';

/** Such as 1.18; undefined when there is none on the PATH. */
export const PGBOUNCER_VERSION = /PgBouncer (\d+\.\d+)/.exec(spawnSync('pgbouncer', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1];

/** Older ones know nothing of prepared statements, newer ones keep 200 by default. */
export const KNOWS_PREPARED_STATEMENTS = Number(PGBOUNCER_VERSION?.split('.')[1] ?? 0) >= 21;

/** Ends with what started it, however that ends: its standard input ends then. */
const GUARDED = `"$@" <&- & pgbouncer=$!
read -r _
kill -KILL $pgbouncer
wait`;

const SETTINGS = {
  pool_mode: 'transaction',
  listen_addr: '127.0.0.1',
  unix_socket_dir: '',
  auth_type: 'scram-sha-256',
  max_client_conn: 200,
  default_pool_size: 6,
  // A world is over when nobody is connected any more.
  server_idle_timeout: 1,
  server_login_retry: 1,
};

/** A pooler in front of a server, which lends its sessions out by the transaction. */
export class PgBouncer {
  private running: ChildProcess | undefined;

  private constructor(
    private readonly directory: string,
    private readonly account: PostgresAccount,
    private readonly port: number,
  ) {}

  /** One that ends with this test. */
  static async forTest(serverUrl: string, settings: Record<string, string | number> = {}): Promise<PgBouncer> {
    const directory = await mkdtemp(join(tmpdir(), 'notify-queue-pgbouncer-'));
    const server = new URL(serverUrl);
    const port = await freePort();
    await chmod(directory, 0o755);
    const pgbouncer = new PgBouncer(directory, postgresAccount(directory, [directory]), port);
    onTestFinished(async () => {
      await pgbouncer.kill();
      await rm(directory, { recursive: true });
    });
    const users = join(directory, 'users.txt');
    const all = { ...SETTINGS, ...settings, listen_port: port, auth_file: users };
    await pgbouncer.write(users, `"${server.username}" "${server.password}"\n`);
    await pgbouncer.write(
      join(directory, 'pgbouncer.ini'),
      `[databases]\n* = host=${server.hostname} port=${server.port}\n[pgbouncer]\n${Object.entries(all)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join('')}`,
    );
    await pgbouncer.start(serverUrl);
    return pgbouncer;
  }

  /** The same database by this way. */
  urlOf(url: string): string {
    const pooled = new URL(url);
    pooled.host = `127.0.0.1:${this.port}`;
    return pooled.href;
  }

  async start(serverUrl: string): Promise<void> {
    const { account } = this;
    const command = [...account.prefix, 'pgbouncer', join(this.directory, 'pgbouncer.ini')];
    const started = spawn('sh', ['-c', GUARDED, 'sh', ...command], {
      ...(account.prefix.length === 0 && account.user), // a prefix changes the user itself
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.running = started;
    let told = '';
    for (const output of [started.stdout, started.stderr]) output.setEncoding('utf8').on('data', (text: string) => (told += text));
    const answers = (): Promise<boolean> => withClient(this.urlOf(serverUrl), () => Promise.resolve(true)).catch(() => false);
    await until(answers, { message: () => `PgBouncer did not start\n${told}` });
  }

  /** At once, as by SIGKILL: whoever is connected, on either side, finds the connection closed. */
  async kill(): Promise<void> {
    const { running } = this;
    this.running = undefined;
    if (!running) return;
    const closed = once(running, 'close');
    running.stdin?.end();
    await closed;
  }

  private async write(path: string, text: string): Promise<void> {
    await writeFile(path, text, { mode: 0o600 });
    const { user } = this.account;
    if (user) await chown(path, user.uid, user.gid);
  }
}
