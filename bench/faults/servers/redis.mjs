import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort, redisSettings } from '../../src/servers/redis.mjs';

/** Those that run, to be ended with this process. @type {Set<RedisServer>} */
const running = new Set();
process.once('exit', () => {
  for (const { child, directory } of running) {
    child?.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
});

/** A Redis that may be killed and started again; a new one for each trial. */
export class RedisServer {
  async open() {
    this.directory = await mkdtemp(join(tmpdir(), 'notify-queue-peers-redis-'));
    running.add(this);
    this.port = await freePort();
    await this.#start();
    return { redis: { host: '127.0.0.1', port: this.port } };
  }

  async close() {
    this.client.disconnect();
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
    await rm(this.directory, { recursive: true, force: true });
    running.delete(this);
  }

  async crash(awayMs) {
    this.client.disconnect();
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
    await sleep(awayMs);
    await this.#start();
  }

  /** @returns {Promise<Array<{ id: string, query: string, name: string, port: number }>>} */
  async connections() {
    const own = await this.client.client('ID');
    const lines = String(await this.client.client('LIST')).trim().split('\n');
    const clients = lines.map((line) => Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/).slice(0, 2))));
    return clients
      .filter(({ id }) => id !== `${own}`)
      .map(({ id, cmd, name, addr }) => ({ id, query: cmd, name, port: Number(addr.split(':').at(-1)) }));
  }

  async kill({ id }) {
    await this.client.client('KILL', 'ID', id);
  }

  async stop() {}

  async #start() {
    const settings = Object.entries({ ...redisSettings, port: this.port, dir: this.directory }).flatMap(([key, value]) => [`--${key}`, `${value}`]);
    this.child = spawn('redis-server', settings, { stdio: 'ignore' });
    this.client = new Redis({ port: this.port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 20 });
    this.client.on('error', () => {});
    for (let reply; reply !== 'PONG'; await sleep(10)) reply = await this.client.ping().catch(() => '');
  }
}
