import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../../support/build.js';
import { useTestDatabase } from '../../support/database.js';
import { runNode } from '../../support/project.js';

const MAIN = 'dist/lib/cli/main.js';
const NOBODY = 65_534;

describe('demo', () => {
  const database = useTestDatabase();
  beforeAll(ensureBuilt, 120_000);
  const schemas = (): Promise<unknown[]> => database.query(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'notify_queue_demo%'`);

  it('runs jobs in a schema of its own until its time is over, and leaves nothing', async () => {
    const { code, stdout } = await runNode(MAIN, ['demo', '--seconds', '3', '--rate', '500', '--json'], { env: { DATABASE_URL: database.url } });
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThanOrEqual(2);
    const last = lines.at(-1);
    expect(last.enqueued).toBeGreaterThan(500);
    expect(last.completed).toBeGreaterThan(300);
    expect(last.queues.map(({ queue }: { queue: string }) => queue)).toEqual(['mail', 'reports', 'webhooks']);
    expect(await schemas()).toEqual([]);
  });

  it('ends on Ctrl-C', async () => {
    const child = spawn(process.execPath, [MAIN, 'demo', '--url', database.url], { stdio: 'pipe' });
    const exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve([code, signal])));
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('jobs/s')) break;
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    expect(await schemas()).toEqual([]);
  });

  it('starts a PostgreSQL of its own without a URL', async ({ skip }) => {
    const asRoot = process.getuid?.() === 0;
    if (asRoot) {
      const refused = await runNode(MAIN, ['demo', '--seconds', '1']);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('PostgreSQL does not run as root') });
      // As somebody else, if he may read this project.
      const readable = await run(['-e', `require('node:fs').accessSync(${JSON.stringify(process.cwd())}, 5)`], asRoot).catch(() => ({ code: 1 }));
      if (readable.code !== 0) return skip('only root may read this directory, and PostgreSQL does not run as root');
    }
    await access(MAIN);
    const { code, output } = await run([MAIN, 'demo', '--seconds', '2', '--json'], asRoot);
    expect([code, output]).toEqual([0, expect.stringMatching(/^\{"enqueued":\d+/)]);
  });

  async function run(args: string[], asNobody: boolean): Promise<{ code: number | null; output: string }> {
    const { DATABASE_URL: _, NOTIFY_QUEUE_DATABASE_URL: __, ...env } = process.env;
    const user = asNobody ? { uid: NOBODY, gid: NOBODY } : {};
    const child = spawn(process.execPath, args, { stdio: 'pipe', env: { ...env, HOME: '/tmp' }, ...user });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, output }));
    });
  }
});
