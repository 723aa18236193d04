import { Injectable } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { defineJob, IgnoreSuccess, JobHandler, LogSuccess, type Success, type SuccessHandler } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { until } from '../../support/wait.js';

@Injectable()
class Collector {
  readonly told: Success[] = [];
}

@Injectable()
class Collecting implements SuccessHandler {
  constructor(private readonly collector: Collector) {}
  handleSuccess(success: Success): void {
    this.collector.told.push(success);
  }
}

@Injectable()
class Throwing implements SuccessHandler {
  handleSuccess(): never {
    throw new Error('hook broke');
  }
}

@Injectable()
class Rejecting implements SuccessHandler {
  async handleSuccess(): Promise<void> {
    throw undefined;
  }
}

@Injectable()
class Hanging implements SuccessHandler {
  handleSuccess(): Promise<void> {
    return new Promise(() => {});
  }
}

describe('success modes', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const work = handle({ work: () => new Promise((resolve) => setTimeout(() => resolve({ pages: 3 }), 60)), fails: () => Promise.reject(new Error('no')) });

  it('LogSuccess logs the queue time and the run time of each completed job', async () => {
    const { queue, logger } = await start({ providers: [work], queue: { defaults: { successMode: LogSuccess() } } });
    const { id } = await queue.enqueue('work', {}, { delay: '200ms' });
    await queue.result(id);
    const entry = await until(() => logger.entries.find(({ message }) => message.startsWith('Job work completed')));
    const [, waited, ran] = /^Job work completed: waited (\d+) ms, ran (\d+) ms$/.exec(entry.message) ?? [];
    expect(Number(waited)).toBeGreaterThanOrEqual(195);
    expect(Number(ran)).toBeGreaterThanOrEqual(55);
    expect(entry.params).toContainEqual(expect.objectContaining({ jobId: id, queue: 'default', attempt: 1 }));
  });

  it('a class of one’s own is told the job, its result and its times, after the completion is committed', async () => {
    const states: unknown[] = [];
    @Injectable()
    class Looking extends Collecting {
      override async handleSuccess(success: Success): Promise<void> {
        states.push((await database.query('SELECT state FROM notify_queue.all_jobs WHERE id = $1', [success.jobId]))[0]?.state);
        super.handleSuccess(success);
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Collector], Looking);
    const { queue, app } = await start({ providers: [work, Collector, Looking], queue: { defaults: { successMode: Looking } } });
    const { id } = await queue.enqueue('work', { order: 7 });
    const failed = await queue.enqueue('fails', {});
    await queue.result(id);
    await expect(queue.result(failed.id)).rejects.toThrow('no');
    const { told } = app.get(Collector);
    await until(() => told.length > 0);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ jobId: id, name: 'work', queue: 'default', payload: { order: 7 }, attempt: 1, result: { pages: 3 } });
    const { enqueuedAt, startedAt, completedAt, queueTimeMs, runTimeMs } = told[0]!;
    expect(enqueuedAt <= startedAt && startedAt < completedAt).toBe(true);
    expect(queueTimeMs).toBeGreaterThanOrEqual(0);
    expect(runTimeMs).toBeGreaterThanOrEqual(55);
    expect(states).toEqual(['completed']);
  });

  const HOOKS: Array<[title: string, Mode: new () => SuccessHandler, errors: number]> = [
    ['throws', Throwing, 2],
    ['rejects with undefined', Rejecting, 2],
    ['never answers', Hanging, 0],
  ];

  it.for(HOOKS)('a hook that %s changes nothing', async ([, Mode, expected]) => {
    const { queue, logger } = await start({ providers: [work, Mode], queue: { defaults: { successMode: Mode, concurrency: 1 } } });
    const jobs = await queue.enqueueMany('work', [1, 2]);
    for (const { id } of jobs) {
      expect(await queue.result(id)).toEqual({ pages: 3 });
      expect(await queue.get(id)).toMatchObject({ state: 'completed', attempt: 1, failure: null });
    }
    const errors = logger.of('error').filter((text) => text === 'The success mode of job work failed; the job is completed all the same');
    expect(errors).toHaveLength(expected);
  });

  it('is set for a queue, a definition, a handler or one enqueue; the narrowest counts', async () => {
    const Loud = defineJob('loud', { successMode: LogSuccess() });
    class Handlers {
      @JobHandler(Loud)
      loud() {}
    }
    const { queue, logger } = await start({ providers: [Handlers, Collector, Collecting], queue: { defaults: { successMode: Collecting } } });
    const logged = () => logger.of('log').filter((text) => text.startsWith('Job loud completed')).length;
    await queue.result((await queue.enqueue(Loud, {})).id);
    await until(() => logged() === 1);
    await queue.result((await queue.enqueue(Loud, {}, { successMode: IgnoreSuccess() })).id);
    await queue.result((await queue.enqueue(Loud, {}, { successMode: LogSuccess() })).id);
    await until(() => logged() === 2);
    expect(logged()).toBe(2);
  });
});
