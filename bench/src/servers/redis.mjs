import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { treeCpuMs } from '../measure/cpu.mjs';

/** As durable as Redis is usually run: an append-only file, written to disk every second. */
const SETTINGS = { bind: '127.0.0.1', save: '', appendonly: 'yes', appendfsync: 'everysec', loglevel: 'warning' };

/** Those that run, to be ended with this process. @type {Set<RunRedis>} */
const running = new Set();
process.once('exit', () => {
  for (const { child, directory } of running) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});

/** What `redis-server` says of its version; undefined when there is none in PATH. */
export function redisVersion() {
  const run = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  return run.status === 0 ? /v=(\S+)/.exec(run.stdout)?.[1] : undefined;
}

export const redisSettings = SETTINGS;

/** A Redis of one run, on a port and in a directory of its own. */
export class RunRedis {
  static async start() {
    const directory = await mkdtemp(join(tmpdir(), 'notify-queue-redis-'));
    const port = await freePort();
    const settings = Object.entries({ ...SETTINGS, port, dir: directory }).flatMap(([key, value]) => [`--${key}`, `${value}`]);
    const child = spawn('redis-server', settings, { stdio: 'ignore' });
    const redis = new RunRedis(child, port, directory);
    const deadline = performance.now() + 10_000;
    while (!(await answers(port))) {
      if (child.exitCode === null && performance.now() < deadline) await sleep(20);
      else {
        await redis.drop();
        throw new Error('redis-server did not start');
      }
    }
    return redis;
  }

  constructor(child, port, directory) {
    this.child = child;
    this.redis = { host: '127.0.0.1', port };
    this.directory = directory;
    running.add(this);
  }

  /** What it appends to its file stands for the WAL; it has no commits. */
  async usage() {
    return { cpuMs: treeCpuMs(this.child.pid), walBytes: await sizeOf(this.directory) };
  }

  async connections() {
    return undefined;
  }

  async settle() {}

  async drop() {
    if (this.child.exitCode === null && this.child.kill('SIGKILL')) await once(this.child, 'exit');
    await rm(this.directory, { recursive: true, force: true });
    running.delete(this);
  }
}

async function answers(port) {
  const socket = createConnection(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');
  return port;
}

async function sizeOf(directory) {
  const names = await readdir(directory, { recursive: true });
  const sizes = await Promise.all(names.map((name) => stat(join(directory, name)).then(({ size }) => size, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}
