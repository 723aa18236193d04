import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { map } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { encryption, type Job, JobHandler, type JobMiddleware, jobOf, JobPayload, type Success } from '../../../lib/index.js';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';

type Jobs = ReadonlyArray<Job<{ n: number }>>;

const batch = { size: 4, wait: '1s' } as const;
const numbers = (jobs: Jobs): number[] => jobs.map(({ payload }) => payload.n);
/** A reserve passes over a row that is just being watched, so the jobs of a call may come in another order. */
const inOrder = (calls: readonly number[][]): number[][] => calls.map((call) => call.toSorted());
const payloads = [1, 2, 3, 4].map((n) => ({ n }));

describe('a batch handler in Nest', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  afterEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history'));

  it('has guards, interceptors and filters around each job', async () => {
    const calls: number[][] = [];
    const caught: string[] = [];
    class Guard implements CanActivate {
      async canActivate(context: ExecutionContext) {
        const { n } = jobOf<{ n: number }>(context).payload;
        // The order of the jobs is not that of their guards.
        await sleep(40 - n * 10);
        return n !== 2;
      }
    }
    class Doubled implements NestInterceptor {
      intercept = (_: ExecutionContext, next: CallHandler) => next.handle().pipe(map((n: number) => n * 2));
    }
    @Catch()
    class Filter implements ExceptionFilter {
      catch = (error: Error, host: ArgumentsHost) => caught.push(`${jobOf<{ n: number }>(host).payload.n} ${error.message}`);
    }
    @Injectable()
    @UseGuards(Guard)
    class Search {
      @JobHandler('index', { batch })
      @UseInterceptors(Doubled)
      @UseFilters(Filter)
      index(jobs: Jobs) {
        calls.push(numbers(jobs));
        return numbers(jobs).map((n) => (n === 3 ? new Error('not three') : n));
      }
    }
    const { queue } = await start({ providers: [Search] });
    const jobs = await queue.enqueueMany('index', payloads);
    const results = await Promise.allSettled(jobs.map((job) => queue.result(job)));
    expect(inOrder(calls)).toEqual([[1, 3, 4]]);
    expect(results.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.failure.name))).toEqual([2, 'ForbiddenException', 'Error', 8]);
    expect(caught.sort()).toEqual(['2 Forbidden resource', '3 not three']);
  });

  it('has middleware around each job, and is called in no context of theirs', async () => {
    const tenants = new AsyncLocalStorage<number>();
    const runs: Array<[number, unknown]> = [];
    const seen: unknown[] = [];
    const middleware: JobMiddleware = {
      run: (job: Job<any>, next) =>
        tenants.run(job.payload.n, async () => {
          const result = await next();
          runs.push([tenants.getStore()!, result]);
          return { result };
        }),
    };
    const refusing: JobMiddleware = {
      run: (job: Job<any>, next) => {
        if (job.payload.n === 4) throw new Error('refused');
        // What it does not run is done.
        return job.payload.n === 3 ? 'skipped' : next();
      },
    };
    @Injectable()
    class Search {
      @JobHandler('index', { batch })
      index(jobs: Jobs) {
        seen.push(tenants.getStore());
        return numbers(jobs).map((n) => n * 2);
      }
    }
    const { queue } = await start({ providers: [Search], queue: { middleware: [middleware, refusing] } });
    const jobs = await queue.enqueueMany('index', payloads);
    const results = await Promise.allSettled(jobs.map((job) => queue.result(job)));
    expect(results.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.failure.message))).toEqual([
      { result: 2 },
      { result: 4 },
      { result: 'skipped' },
      'refused',
    ]);
    expect(runs.sort(([a], [b]) => a - b)).toEqual([[1, 2], [2, 4], [3, 'skipped']]);
    const others = await queue.enqueueMany('index', [5, 6, 7, 8].map((n) => ({ n })));
    await Promise.all(others.map((job) => queue.result(job)));
    expect(seen).toEqual([undefined, undefined]);
  });

  it('is called again for a job whose middleware tries again', async () => {
    const calls: number[][] = [];
    const middleware: JobMiddleware = { run: async (_job, next) => Promise.resolve(next()).catch(next) };
    @Injectable()
    class Search {
      @JobHandler('index', { batch })
      index(jobs: Jobs) {
        calls.push(numbers(jobs));
        return numbers(jobs).map((n) => (n === 2 && jobs.length > 1 ? new Error('not with others') : n));
      }
    }
    const { queue } = await start({ providers: [Search], queue: { middleware: [middleware] } });
    const jobs = await queue.enqueueMany('index', payloads);
    expect(await Promise.all(jobs.map((job) => queue.result(job)))).toEqual([1, 2, 3, 4]);
    expect(inOrder(calls)).toEqual([[1, 2, 3, 4], [2]]);
  });

  it('does not wait for a job that ended while it was guarded', async () => {
    const calls: number[][] = [];
    class Guard implements CanActivate {
      canActivate = (context: ExecutionContext) => (jobOf<{ n: number }>(context).payload.n === 2 ? new Promise<boolean>(() => undefined) : true);
    }
    @Injectable()
    @UseGuards(Guard)
    class Search {
      @JobHandler('index', { batch })
      index(jobs: Jobs) {
        calls.push(numbers(jobs));
      }
    }
    const { queue } = await start({ providers: [Search] });
    await Promise.all(payloads.map((payload) => queue.enqueue('index', payload, payload.n === 2 ? { maxJobTime: 300 } : {})));
    await until(async () => (await queue.find({ state: 'completed' })).jobs.length === 3);
    expect(inOrder(calls)).toEqual([[1, 3, 4]]);
    expect((await queue.find({ state: 'abandoned' })).jobs.map(({ failure }) => failure)).toMatchObject([{ code: 'JOB_TIMEOUT' }]);
  });

  it('reads encrypted payloads and stores encrypted results; progress, success modes and a key that is missing are each job’s own', async () => {
    const [old, fresh] = [randomBytes(32), randomBytes(32)];
    const successes: Success[] = [];
    @Injectable()
    class Told {
      handleSuccess(success: Success) {
        successes.push(success);
      }
    }
    @Injectable()
    class Search {
      @JobHandler('index', { batch: { size: 3, wait: 300 }, successMode: Told })
      index(jobs: Jobs) {
        for (const job of jobs) job.progress({ n: job.payload.n });
        return numbers(jobs);
      }
    }
    const stranger = await start({ queue: { role: 'producer', codec: encryption({ keys: { old }, current: 'old' }) } });
    await stranger.queue.enqueue('index', { n: 9 });
    const { queue } = await start({ providers: [Search, Told], queue: { codec: encryption({ keys: { fresh }, current: 'fresh' }) } });
    const jobs = await queue.enqueueMany('index', [{ n: 1 }, { n: 2 }]);
    expect(await Promise.all(jobs.map((job) => queue.result(job)))).toEqual([1, 2]);
    const rows = await database.query('SELECT result, progress FROM notify_queue.job_history');
    for (const { result, progress } of rows) expect([result, progress]).toEqual([expect.objectContaining({ $encrypted: 'fresh' }), expect.objectContaining({ $encrypted: 'fresh' })]);
    await until(() => successes.length === 2);
    expect(successes.map(({ payload, result }) => [payload, result]).sort()).toEqual([[{ n: 1 }, 1], [{ n: 2 }, 2]]);
    expect((await stranger.queue.find({ state: 'scheduled' })).jobs).toHaveLength(1);
  });

  it('is told at boot what cannot work', async () => {
    class Decorated {
      @JobHandler('index', { batch })
      index(@JobPayload() _jobs: object) {}
    }
    class TwoArguments {
      @(JobHandler('index', { batch }) as MethodDecorator)
      index(_jobs: Jobs, _more: unknown) {}
    }
    class Piped {
      @JobHandler('index', { batch })
      @UsePipes(ValidationPipe)
      index(_jobs: Jobs) {}
    }
    class Transactional {
      @(JobHandler('index', { batch, transactional: true } as object) as MethodDecorator)
      index(_job: Job) {}
    }
    @Injectable()
    class Scoped {
      constructor(@Inject(REQUEST) readonly request: unknown) {}
      @JobHandler('index', { batch })
      index(_jobs: Jobs) {}
    }
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGuard implements CanActivate {
      canActivate = () => true;
    }
    @Injectable()
    @UseGuards(ScopedGuard)
    class Guarded {
      @JobHandler('index', { batch })
      index(_jobs: Jobs) {}
    }
    const refused = [
      [Decorated, 'Decorated.index takes jobs in batches: its only argument is the array of them, and parameter decorators'],
      [TwoArguments, 'its only argument is the array of them. Remove the other parameters.'],
      [Piped, 'pipes see decorated parameters only'],
      [Transactional, 'it cannot be transactional too'],
      [Scoped, 'is request-scoped, and there is no one job to make it for'],
      [Guarded, 'is request-scoped, and there is no one job to make it for'],
    ] as const;
    for (const [provider, text] of refused) {
      expect(await bootError(database, { providers: [provider] })).toMatchObject({ code: 'INVALID_HANDLER', message: expect.stringContaining(text) });
    }
  });

  it.each([
    [{ size: 0 }, 'size'],
    [{ size: 1_001 }, 'size'],
    [{ wait: '11s' }, 'wait'],
    [{ sice: 3 }, 'sice'],
    [true, undefined],
  ])('refuses %j', async (given, key) => {
    class Search {
      @JobHandler('index', { batch: given as never })
      index(_jobs: Jobs) {}
    }
    const option = `@JobHandler(index) on Search.index.batch${key ? `.${key}` : ''}`;
    expect(await bootError(database, { providers: [Search] })).toMatchObject({ code: 'INVALID_OPTION', option });
  });
});
