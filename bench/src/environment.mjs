import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import { join } from 'node:path';
import { packageRoot, versionIn } from './package-root.mjs';
import { node } from './processes/contender-process.mjs';
import { redisSettings, redisVersion } from './servers/redis.mjs';

const MODULES = join(import.meta.dirname, '..', 'node_modules');

/** Everything that a figure depends on. @param {import('./servers/postgres.mjs').Postgres} postgres */
export async function describeEnvironment(postgres) {
  const { dependencies } = JSON.parse(readFileSync(join(MODULES, '..', 'package.json'), 'utf8'));
  const redis = redisVersion();
  return {
    machine: {
      cores: availableParallelism(),
      processor: cpus()[0]?.model,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: `${type()} ${release()}`,
    },
    package: { version: versionIn(packageRoot), commit: commit() },
    node: execFileSync(node, ['--version'], { encoding: 'utf8' }).trim(),
    versions: Object.fromEntries(Object.keys(dependencies).map((name) => [name, versionIn(join(MODULES, name))])),
    postgres: await postgres.describe(),
    redis: redis ? { version: redis, settings: redisSettings } : undefined,
  };
}

function commit() {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'];
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: packageRoot, encoding: 'utf8', stdio }).trim();
  } catch {
    return undefined;
  }
}
