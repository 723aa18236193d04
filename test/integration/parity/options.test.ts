import { describe, expect, it } from 'vitest';
import { Abandon, defineJob, JobHandler, Retry, type Job, type QueueOptions } from '../../../lib/index.js';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

describe('options', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('every one has a default: the module works without any', async () => {
    const { queue } = await start({ providers: [handle({ ping: () => 'pong' })] });
    const { id, queue: name } = await queue.enqueue('ping', {});
    expect(name).toBe('default');
    expect(await queue.result(id)).toBe('pong');
  });

  it('durations are milliseconds or text, with the same meaning everywhere', async () => {
    const runs: Record<string, number[]> = { text: [], number: [] };
    const fail = (job: Job): never => {
      runs[job.queue]!.push(performance.now());
      throw new Error('again');
    };
    const queues: Record<string, QueueOptions> = {
      text: { failureMode: Retry({ times: 1 }), retryDelay: '0.3s' },
      number: { failureMode: Retry({ times: 1 }), retryDelay: 300 },
    };
    const { queue } = await start({ providers: [handle({ fail })], queue: { queues } });
    const jobs = await Promise.all(Object.keys(runs).map((name) => queue.enqueue('fail', {}, { queue: name })));
    await Promise.all(jobs.map(({ id }) => expect(queue.result(id)).rejects.toThrow('again')));
    for (const [first, second] of Object.values(runs)) expect(second! - first!).toBeGreaterThan(295);
  });

  it('maxJobTime ends a run, retryDelay is what a Retry without a delay waits', async () => {
    const reasons: string[] = [];
    const starts: number[] = [];
    const slow = (job: Job): Promise<never> => {
      starts.push(performance.now());
      return new Promise((_, reject) => {
        job.signal.addEventListener('abort', () => {
          reasons.push((job.signal.reason as Error).name);
          reject(job.signal.reason as Error);
        });
      });
    };
    const mail: QueueOptions = { maxJobTime: '150ms', retryDelay: '250ms', failureMode: Retry({ times: 1 }) };
    const { queue } = await start({ providers: [handle({ slow }, { queue: 'mail' })], queue: { queues: { mail } } });
    const { id } = await queue.enqueue('slow', {});
    await expect(queue.result(id)).rejects.toMatchObject({ name: 'JobAbandonedError', failure: { code: 'JOB_TIMEOUT' } });
    expect(reasons).toEqual(['JobTimeoutError', 'JobTimeoutError']);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(395);
  });

  it('the enqueue’s word goes before the handler’s, that before the definition’s, the queue’s and the defaults’', async () => {
    const attempts = new Map<string, number>();
    const count = (job: Job): never => {
      attempts.set(job.id, job.attempt);
      throw new Error('counted');
    };
    const times = (n: number) => Retry({ times: n, delay: 0 });
    const Defined = defineJob('defined', { queue: 'mail', failureMode: times(3) });
    const Overruled = defineJob('overruled', { queue: 'mail', failureMode: times(3) });
    class Defining {
      @JobHandler(Defined)
      defined(job: Job) {
        count(job);
      }

      @JobHandler(Overruled, { failureMode: times(4) })
      overruled(job: Job) {
        count(job);
      }
    }
    const { queue } = await start({
      providers: [handle({ plain: count }), handle({ mailed: count }, { queue: 'mail' }), Defining],
      queue: { defaults: { failureMode: times(1) }, queues: { mail: { failureMode: times(2) } } },
    });
    const runs = async (job: string | typeof Defined, options = {}): Promise<number | undefined> => {
      const { id } = await queue.enqueue(job as string, {}, options);
      await expect(queue.result(id)).rejects.toThrow('counted');
      return attempts.get(id);
    };
    expect(await runs('plain')).toBe(2);
    expect(await runs('mailed')).toBe(3);
    expect(await runs(Defined)).toBe(4);
    expect(await runs(Overruled)).toBe(5);
    expect(await runs(Overruled, { failureMode: times(5) })).toBe(6);
    expect(await runs(Overruled, { failureMode: Abandon() })).toBe(1);
  });

  it('an unknown or bad option stops the boot with its name, its value and what was expected', async () => {
    const unknown = await bootError(database, { queue: { queues: { mail: { maxJobtime: '1h' } as QueueOptions } } });
    expect(unknown.message).toMatch(/^Option 'queues\.mail\.maxJobtime' is '1h'; expected one of the keys .*maxJobTime/);
    const bad = await bootError(database, { queue: { defaults: { retryDelay: 'soon' as '1s' } } });
    expect(bad.message).toMatch(/^Option 'defaults\.retryDelay' is 'soon'; expected a duration/);
  });

  it('concurrency is how many jobs of a queue one process runs at once', async () => {
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
    };
    const { queue } = await start({
      providers: [handle({ work }, { queue: 'narrow' })],
      queue: { queues: { narrow: { concurrency: 3 } } },
    });
    await queue.enqueueMany('work', Array.from({ length: 30 }, (_, n) => n));
    await until(async () => (await queue.status('narrow')).count === 0);
    expect(most).toBe(3);
  });
});
