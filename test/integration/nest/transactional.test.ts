import { randomBytes } from 'node:crypto';
import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Scope,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { IsInt } from 'class-validator';
import { firstValueFrom, lastValueFrom, map, toArray } from 'rxjs';
import type { EntityManager } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { encryption, type Job, JobHandler, JobManager, type JobMiddleware, JobPayload, jobOf, JobSignal, type Success } from '../../../lib/index.js';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { until } from '../../support/wait.js';

class Booking {
  @IsInt()
  n!: number;
}

const write = (manager: EntityManager, n: number): Promise<unknown> => manager.query('INSERT INTO bookings (n) VALUES ($1)', [n]);

describe('a transactional handler in Nest', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const written = async (): Promise<number[]> => (await database.query('SELECT n FROM bookings ORDER BY n')).map(({ n }) => Number(n));
  afterEach(() => database.query('TRUNCATE bookings, notify_queue.jobs, notify_queue.job_history'));
  it('has a table to write to', async () => expect(await database.query('CREATE TABLE bookings (n int)')).toEqual([]));

  it('has guards, interceptors, pipes and parameters like any other', async () => {
    class Guard implements CanActivate {
      canActivate = (context: ExecutionContext) => jobOf<Booking>(context).payload.n !== 2;
    }
    class Doubled implements NestInterceptor {
      intercept = (_: ExecutionContext, next: CallHandler) => next.handle().pipe(map((n: number) => n * 2));
    }
    @Injectable()
    @UseGuards(Guard)
    @UseInterceptors(Doubled)
    class Bookings {
      @JobHandler('book', { transactional: true })
      @UsePipes(ValidationPipe)
      async book(@JobPayload() { n }: Booking, @JobSignal() signal: AbortSignal, @JobManager() manager: EntityManager) {
        await write(manager, n);
        return signal.aborted ? 0 : n;
      }
    }
    const { queue } = await start({ providers: [Bookings] });
    const [good, forbidden, refused] = await queue.enqueueMany('book', [{ n: 1 }, { n: 2 }, { n: 'three' }]);
    expect(await queue.result(good!)).toBe(2);
    await expect(queue.result(forbidden!)).rejects.toMatchObject({ failure: { name: 'ForbiddenException' } });
    await expect(queue.result(refused!)).rejects.toMatchObject({ failure: { code: 'ABANDON_JOB' } });
    expect(await written()).toEqual([1]);
  });

  it('may be request-scoped', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Bookings {
      constructor(@Inject(REQUEST) private readonly job: Job<Booking>) {}
      @JobHandler('book', { transactional: true })
      async book(job: Job<Booking>, manager: EntityManager) {
        await write(manager, this.job.payload.n);
        return job === this.job;
      }
    }
    const { queue } = await start({ providers: [Bookings] });
    expect(await queue.result(await queue.enqueue('book', { n: 1 }))).toBe(true);
    expect(await written()).toEqual([1]);
  });

  it('commits what its middleware made of the result, and rolls back when that throws', async () => {
    const middleware: JobMiddleware = {
      async run(job: Job<any>, next) {
        const result = await next();
        if (job.payload.n === 2) throw new Error('not like this');
        return { result };
      },
    };
    @Injectable()
    class Bookings {
      @JobHandler('book', { transactional: true })
      async book(job: Job<Booking>, manager: EntityManager) {
        await write(manager, job.payload.n);
        return job.payload.n;
      }
    }
    const { queue } = await start({ providers: [Bookings], queue: { middleware: [middleware] } });
    const [good, bad] = await queue.enqueueMany('book', [{ n: 1 }, { n: 2 }]);
    expect(await queue.result(good!)).toEqual({ result: 1 });
    await expect(queue.result(bad!)).rejects.toThrow('not like this');
    expect(await written()).toEqual([1]);
  });

  it('stores an encrypted result, tells who watches, and its success mode', async () => {
    const successes: Success[] = [];
    @Injectable()
    class Told {
      handleSuccess(success: Success) {
        successes.push(success);
      }
    }
    @Injectable()
    class Bookings {
      @JobHandler('book', { transactional: true, successMode: Told })
      async book(job: Job<Booking>, manager: EntityManager) {
        await write(manager, job.payload.n);
        job.progress({ at: 'the end' });
        return { secret: job.payload.n };
      }
    }
    const { queue } = await start({ providers: [Bookings, Told], queue: { codec: encryption({ keys: { a: randomBytes(32) }, current: 'a' }) } });
    const { id } = await queue.enqueue('book', { n: 1 }, { delay: 200 });
    const seen = await lastValueFrom(queue.watch(id).pipe(toArray()));
    expect(seen.at(-1)).toMatchObject({ state: 'completed', result: { secret: 1 }, progress: { at: 'the end' } });
    await until(() => successes.length > 0);
    expect(successes).toMatchObject([{ jobId: id, payload: { n: 1 }, result: { secret: 1 }, attempt: 1 }]);
    const [stored] = await database.query('SELECT result, progress FROM notify_queue.job_history');
    expect([stored!.result, stored!.progress]).toEqual([expect.objectContaining({ $encrypted: 'a' }), expect.objectContaining({ $encrypted: 'a' })]);
    expect(await firstValueFrom(queue.watch(id))).toMatchObject({ state: 'completed' });
  });

  it('is told at boot what cannot work', async () => {
    @Injectable()
    class NoTransaction {
      @JobHandler('book')
      book(@JobManager() manager: EntityManager) {
        return manager;
      }
    }
    expect(await bootError(database, { providers: [NoTransaction] })).toMatchObject({
      code: 'INVALID_HANDLER',
      message: 'NoTransaction.book has a parameter with @JobManager(), and no transaction. Give its @JobHandler { transactional: true }.',
    });
    @Injectable()
    class Odd {
      @JobHandler('book', { transactional: 'yes' as unknown as true })
      book() {}
    }
    expect(await bootError(database, { providers: [Odd] })).toMatchObject({ code: 'INVALID_OPTION', option: '@JobHandler(book) on Odd.book.transactional' });
  });

  it('is warned of a pool that is too small', async () => {
    @Injectable()
    class Bookings {
      @JobHandler('book', { transactional: true, queue: 'books' })
      book() {}
    }
    const { logger } = await start({ providers: [Bookings], queue: { queues: { books: { concurrency: 4 } } }, typeorm: { poolSize: 3 } });
    expect(logger.of('warn')).toEqual([expect.stringContaining("Queue 'books' runs up to 4 jobs at once")]);
    const other = await start({ providers: [Bookings], queue: { queues: { books: { concurrency: 4 } } }, typeorm: { extra: { max: 4 } } });
    expect(other.logger.of('warn')).toEqual([]);
  });
});
