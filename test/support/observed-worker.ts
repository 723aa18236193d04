import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { ensureBuilt, projectRoot } from './build.js';
import { until } from './wait.js';

export type Line = Record<string, unknown>;

/** Starts test/fixtures/observed-worker.ts and gives the lines that it writes. It ends with the test. */
export async function startObservedWorker(url: string) {
  await ensureBuilt();
  const env = { ...process.env, DATABASE_URL: url };
  const child = spawn(process.execPath, ['dist/test/fixtures/observed-worker.js'], { cwd: projectRoot, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines: Line[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line.startsWith('{') ? JSON.parse(line) : { stray: line }));
  }
  await until(() => child.exitCode !== null || lines.some((line) => line['started']), { timeout: 20_000 });
  return {
    lines,
    async stop(): Promise<unknown> {
      child.kill('SIGTERM');
      const [code] = await exited;
      return code;
    },
  };
}
