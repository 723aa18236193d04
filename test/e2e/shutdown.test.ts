import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';
import { happened, now, startWorker, type Worker } from '../support/worker.js';

describe.each(['express', 'fastify'])('SIGTERM to a web application that runs jobs, on %s', (platform) => {
  const database = useTestDatabase();
  const state = async (id: string): Promise<{ state: string; attempt: number; crashes: number }> =>
    (await database.query('SELECT state, attempt, crashes FROM notify_queue.all_jobs WHERE id = $1', [id]))[0];
  const enqueue = async (name: string, payload: object): Promise<string> =>
    (await database.query('SELECT notify_queue.enqueue($1, $2) AS id', [name, payload]))[0].id;

  async function startWeb(options: object, env: Record<string, string> = {}): Promise<Worker & { url: string }> {
    const worker = await startWorker({ url: database.url, fixture: 'web', options, env: { PLATFORM: platform, ...env } });
    const { url } = (await worker.waitFor(happened('app:listening'))) as unknown as { url: string };
    return Object.assign(Object.create(worker) as Worker, { url });
  }

  it('the job and the request under way end, what is enqueued meanwhile waits, and the process ends by the signal', async () => {
    const web = await startWeb({ shutdownGrace: '5s' });
    const id = await enqueue('sleep', { ms: 1_000 });
    await web.waitFor(happened('job:started', id));
    const answer = fetch(`${web.url}/slow/600`).then((response) => response.text());
    await web.waitFor(happened('request:received'));
    const signalledAt = now();
    web.kill('SIGTERM');
    // By then it has stopped to take jobs, and still answers: the running job has a second.
    await sleep(200);
    const later = ((await (await fetch(`${web.url}/jobs`, { method: 'POST' })).json()) as { id: string }).id;
    expect(await answer).toBe('slow');
    // Nest's hooks pass the signal on when they are done.
    const { code, signal, at } = await web.exited;
    expect([code, signal]).toEqual([null, 'SIGTERM']);
    expect(at - signalledAt).toBeLessThan(3_000);
    expect(await state(id)).toEqual({ state: 'completed', attempt: 1, crashes: 0 });
    expect(await state(later)).toEqual({ state: 'available', attempt: 0, crashes: 0 });
    expect(await database.query('SELECT 1 FROM notify_queue.job_instances')).toEqual([]);
    expect(web.stderr).toBe('');
    await database.query('DELETE FROM notify_queue.jobs');
  });

  it('a job that outlasts the grace runs elsewhere, with its attempt', async () => {
    const web = await startWeb({ shutdownGrace: '300ms' });
    const id = await enqueue('sleep', { ms: 60_000 });
    await web.waitFor(happened('job:started', id));
    const signalledAt = now();
    web.kill('SIGTERM');
    const { signal, at } = await web.exited;
    expect(signal).toBe('SIGTERM');
    expect(at - signalledAt).toBeLessThan(3_000);
    expect(await web.waitFor(happened('job:aborted', id))).toMatchObject({ reason: 'SHUTDOWN' });
    expect(await state(id)).toEqual({ state: 'available', attempt: 0, crashes: 0 });
    const other = await startWeb({});
    await other.waitFor(happened('job:started', id));
    other.kill('SIGKILL');
    await database.query('DELETE FROM notify_queue.jobs');
  });

  it('without enableShutdownHooks the process is gone at once, and another one takes its jobs when its lease has run out', async () => {
    const web = await startWeb({ lease: '1s', sweepInterval: '200ms' }, { NO_HOOKS: 'yes' });
    const id = await enqueue('sleep', { ms: 2_000 });
    await web.waitFor(happened('job:started', id));
    web.kill('SIGTERM');
    expect((await web.exited).signal).toBe('SIGTERM');
    expect(await state(id)).toMatchObject({ state: 'reserved' });
    const other = await startWeb({ lease: '1s', sweepInterval: '200ms' });
    await other.waitFor(happened('job:started', id), { timeout: 5_000 });
    await until(async () => (await state(id)).state === 'completed');
    expect(await state(id)).toEqual({ state: 'completed', attempt: 1, crashes: 1 });
  });
});
