import { describe, expect, it } from 'vitest';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { type Line, startObservedWorker } from '../../support/observed-worker.js';
import { until } from '../../support/wait.js';

describe('what Nest prints of the queue with ConsoleLogger({ json: true })', () => {
  const database = useTestDatabase();
  const start = useApps(database);

  it('is one line each, with the fields of the job, at levels that leave a healthy day quiet', async () => {
    const worker = await startObservedWorker(database.url);
    const { queue } = await start({ queue: { role: 'producer' } });
    const ids: Record<string, string> = {};
    for (const name of ['mail', 'flaky', 'fail', 'abandon']) {
      const job = await queue.enqueue(name, {});
      await queue.result(job).catch(() => undefined);
      ids[name] = job.id;
    }
    expect(await worker.stop()).toBe(0);

    const ours = worker.lines.filter((line) => line['context'] === 'NotifyQueue');
    const lineOf = (text: string): Line | undefined => ours.find(({ message }) => String(message).startsWith(text));
    const about = (name: string) => ({ jobId: ids[name], job: name, queue: 'default', attempt: 1 });
    const measured = { runTimeMs: expect.any(Number) };
    expect(lineOf('At work')).toMatchObject({ level: 'debug', ...about('mail') });
    expect(lineOf('Job flaky failed on attempt 1 and runs again')).toMatchObject({ level: 'debug', ...about('flaky'), ...measured, error: 'Once' });
    expect(lineOf('Job fail failed on attempt 1 and is abandoned: RangeError: Too far')).toMatchObject({ level: 'error', ...about('fail'), ...measured, error: 'Too far', code: 'E_FAR' });
    expect(lineOf('Job abandon is abandoned on attempt 1')).toMatchObject({ level: 'error', ...about('abandon'), ...measured, error: 'No such order', code: 'ABANDON_JOB' });
    expect(lineOf('Mapped {mail')).toMatchObject({ level: 'log', job: 'mail', queue: 'default', concurrency: 10, handler: 'Handlers.mail' });
    expect(lineOf('Stopped running jobs')).toMatchObject({ level: 'log', durationMs: expect.any(Number) });

    const loud = ours.filter(({ level, message }) => level !== 'debug' && !/^(Mapped|Stopped)/.test(String(message)));
    expect(loud.map(({ level, job }) => [level, job])).toEqual([['error', 'fail'], ['error', 'abandon']]);
    expect(worker.lines.filter((line) => 'stray' in line || typeof line['message'] === 'object')).toEqual([]);
  });

  it('says the same trouble once a minute, not at each event', async () => {
    const event = () => {
      throw new Error('Bad listener');
    };
    const { queue, logger } = await start({ queue: { role: 'producer', middleware: [{ event }] } });
    for (let i = 0; i < 20; i++) await queue.enqueue('work', i);
    expect(logger.of('error')).toEqual(['A listener of job events failed']);
    await until(() => logger.entries.some(({ params }) => JSON.stringify(params).includes('Bad listener')));
  });
});
