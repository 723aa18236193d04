import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Random for each cluster and kept in it, so that nobody else on this machine can connect. */
export const PASSWORD_FILE = 'superuser.password';

const ANSWER_TIMEOUT_MS = 10_000;
/** A hot standby never says more than that it is one. */
const READY = new Set(['ready', 'standby']);

/** What the server writes to `postmaster.pid`. */
export interface Lock {
  pid: number;
  port: number;
  ready: boolean;
}

export async function readLock(cluster: string): Promise<Lock | undefined> {
  const lines = (await readFile(lockFile(cluster), 'utf8').catch(() => '')).split('\n');
  if (!lines[0]) return undefined;
  return { pid: Number(lines[0]), port: Number(lines[3]), ready: READY.has(lines[7]?.trim() ?? '') };
}

export async function serverUrl(cluster: string, port: number): Promise<string> {
  const password = await readFile(join(cluster, PASSWORD_FILE), 'utf8');
  return `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
}

/**
 * The server that serves the cluster already, as soon as it answers. Waits for one that is starting
 * or stopping, and clears away the lock of one that was killed.
 *
 * @throws Error when such a server lives but does not answer in time
 */
export async function findRunningServer(
  cluster: string,
): Promise<{ url: string; port: number } | undefined> {
  const deadline = Date.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const lock = await readLock(cluster);
    if (!lock) return undefined;
    const holder = await stateOf(lock.pid, cluster);
    if (holder === 'stranger') await rm(lockFile(cluster), { force: true });
    if (holder !== 'server') return undefined; // PostgreSQL itself replaces the lock of the dead
    const url = await serverUrl(cluster, lock.port);
    if (lock.ready && (await answers(url))) return { url, port: lock.port };
    if (Date.now() > deadline) {
      throw new Error(`process ${lock.pid} serves ${cluster}, but it does not answer`);
    }
    await sleep(100);
  }
}

/** A process number is reused after a restart of the machine or container: look who has it now. */
async function stateOf(pid: number, cluster: string): Promise<'server' | 'stranger' | 'dead'> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead';
  }
  if (process.platform !== 'linux') return 'server';
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return directory === (await realpath(cluster)) ? 'server' : 'stranger';
}

/** Only the server of this very cluster knows its password. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function lockFile(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}
