import type { Observable } from 'rxjs';
import type { EntityManager, Repository } from 'typeorm';
import { z } from 'zod';
import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  defineJob,
  JobHandler,
  JobManager,
  JobPayload,
  JobQueue,
  JobRef,
  JobSignal,
  toBoolean,
  type Duration,
  type EnqueuedJob,
  type EnqueueOutcome,
  type Job,
  type JobConfigs,
  type JobDefinition,
  type QueueStatus,
  type Status,
  type UniqueOptions,
} from '../../lib/index.js';

declare module '../../lib/index.js' {
  interface JobTypes {
    'types.report': { payload: { month: string }; result: { pages: number } };
    'types.ping': { payload: null };
  }
}

const Invoice = defineJob<{ orderId: string }, { pages: number }>('types.invoice');
// What is never called is only compiled: that is the test. `npm run check:types` runs it.
const expectToCompile = (code: (queue: JobQueue, configs: JobConfigs) => unknown): void => expect(code).toBeTypeOf('function');

describe('types', () => {
  it('a definition carries its payload and result, without a value', () => {
    expectTypeOf(Invoice).toEqualTypeOf<JobDefinition<{ orderId: string }, { pages: number }>>();
    expect(Object.keys(Invoice)).toEqual(['name', 'options']);
  });

  it('a schema says what is enqueued, and what is handled', () => {
    const Dated = defineJob('types.dated', { schema: z.object({ at: z.coerce.date<string>(), copies: z.int().default(1) }) });
    expectTypeOf(Dated).toEqualTypeOf<JobDefinition<{ at: string; copies?: number | undefined }, unknown, { at: Date; copies: number }>>();
    const Both = defineJob<{ at: string }, { pages: number }>('types.both', { schema: z.object({ at: z.string() }) });
    expectTypeOf(Both).toEqualTypeOf<JobDefinition<{ at: string }, { pages: number }>>();
    // @ts-expect-error a schema of something else
    defineJob<{ at: string }, { pages: number }>('types.other', { schema: z.object({ at: z.number() }) });
    class Handlers {
      @JobHandler(Dated)
      good(job: Job<{ at: Date; copies: number }>) {
        return job.payload.at;
      }
      // @ts-expect-error the handler is given a Date
      @JobHandler(Dated)
      bad(job: Job<{ at: string }>) {
        return job.payload.at;
      }
    }
    expectToCompile((queue) => [
      Handlers,
      queue.enqueue(Dated, { at: '2027-01-31' }),
      // @ts-expect-error a Date is no JSON
      queue.enqueue(Dated, { at: new Date() }),
    ]);
  });

  it('what makes a group and a unique key is checked against the payload', () => {
    type Change = { customer: string; tenant?: string };
    expectTypeOf(
      defineJob<Change>('types.sync', { group: ({ tenant }) => tenant, unique: { by: ['customer', 'tenant'] } }),
    ).toEqualTypeOf<JobDefinition<Change>>();
    // @ts-expect-error no such field
    expectToCompile(() => defineJob<Change>('types.sync', { unique: { by: ['custmer'] } }));
    // @ts-expect-error no such field
    expectToCompile(() => defineJob<Change>('types.sync', { group: ({ custmer }) => custmer }));
    const schema = z.object({ orderId: z.string() });
    defineJob('types.schema', { unique: { by: ['orderId'] }, schema });
    // @ts-expect-error no such field
    expectToCompile(() => defineJob('types.schema', { unique: { by: ['order'] }, schema }));
    defineJob<{ a: string } | { b: string }>('types.union', { unique: { by: ['a', 'b'] } });
    defineJob('types.unknown', { unique: { by: ['anything'] } });
    const options: UniqueOptions = { by: ['customer'] };
    expectToCompile(async (queue) => {
      const { outcome } = await queue.enqueue(Invoice, { orderId: '1' }, { unique: options });
      expectTypeOf(outcome).toEqualTypeOf<EnqueueOutcome>();
    });
  });

  it('a definition’s payload is checked at the enqueue', () =>
    expectToCompile((queue) => {
      expectTypeOf(queue.enqueue(Invoice, { orderId: '1' })).resolves.toEqualTypeOf<EnqueuedJob<{ pages: number }>>();
      expectTypeOf(queue.enqueueMany(Invoice, [{ orderId: '1' }])).resolves.toEqualTypeOf<Array<EnqueuedJob<{ pages: number }>>>();
      // @ts-expect-error a number is no order id
      void queue.enqueue(Invoice, { orderId: 1 });
      // @ts-expect-error the payload is missing
      void queue.enqueue(Invoice);
      // @ts-expect-error a superfluous property
      void queue.enqueue(Invoice, { orderId: '1', more: true });
      // @ts-expect-error one of several payloads is wrong
      void queue.enqueueMany(Invoice, [{ orderId: '1' }, {}]);
    }));

  it('a plain name has the payload that JobTypes gives it; any other name takes anything', () =>
    expectToCompile((queue) => {
      void queue.enqueue('types.report', { month: '2026-11' });
      void queue.enqueue('types.ping', null);
      void queue.enqueue('unknown', { any: ['thing'] });
      // @ts-expect-error a month is a text
      void queue.enqueue('types.report', { month: 11 });
      // @ts-expect-error nothing but null
      void queue.enqueue('types.ping', {});
    }));

  it('options are checked: durations, and no delay of a word', () =>
    expectToCompile((queue) => {
      expectTypeOf<'15s' | '5 minutes' | '1.5h' | 100>().toExtend<Duration>();
      expectTypeOf<'soon'>().not.toExtend<Duration>();
      void queue.enqueue('unknown', {}, { delay: '5m', priority: -1 });
      // @ts-expect-error no duration
      void queue.enqueue('unknown', {}, { delay: 'later' });
      // @ts-expect-error misspelt
      void queue.enqueue('unknown', {}, { dealy: '5m' });
    }));

  it('a handler’s method must take the payload and give the result', () => {
    class Handlers {
      @JobHandler(Invoice)
      async right(job: Job<{ orderId: string }>) {
        return { pages: job.payload.orderId.length };
      }

      @JobHandler('types.report')
      report(job: Job<{ month: string }>): { pages: number } {
        return { pages: job.payload.month.length };
      }

      // @ts-expect-error the payload is another one
      @JobHandler(Invoice)
      wrongPayload(_job: Job<{ orderId: number }>): { pages: number } {
        return { pages: 1 };
      }

      // @ts-expect-error the result is another one
      @JobHandler(Invoice)
      async wrongResult(_job: Job<{ orderId: string }>): Promise<{ sheets: number }> {
        return { sheets: 1 };
      }

      // @ts-expect-error the result of a plain name is another one
      @JobHandler('types.report')
      wrongReport(_job: Job<{ month: string }>): string {
        return '';
      }
    }
    expect(Handlers).toBeTypeOf('function');
  });

  it('a transactional handler is given a manager, and no other is', () => {
    class Handlers {
      @JobHandler(Invoice, { transactional: true })
      both(job: Job<{ orderId: string }>, manager: EntityManager): { pages: number } {
        return { pages: job.payload.orderId.length + Number(manager.connection.isInitialized) };
      }

      @JobHandler('types.report', { transactional: true, queue: 'reports' })
      named(_job: Job<{ month: string }>, _manager: EntityManager) {
        return { pages: 1 };
      }

      @JobHandler(Invoice, { transactional: true })
      decorated(@JobPayload() _payload: object, @JobSignal() _signal: AbortSignal, @JobManager() _manager: EntityManager) {
        return { pages: 1 };
      }

      @JobHandler(Invoice)
      plain(@JobRef() _job: Job<{ orderId: string }>, @JobSignal() _signal: AbortSignal) {
        return { pages: 1 };
      }

      // @ts-expect-error it is no repository
      @JobHandler(Invoice, { transactional: true })
      another(_job: Job<{ orderId: string }>, _repository: Repository<object>) {
        return { pages: 1 };
      }

      // @ts-expect-error there is no transaction
      @JobHandler(Invoice)
      none(_job: Job<{ orderId: string }>, _manager: EntityManager) {
        return { pages: 1 };
      }

      // @ts-expect-error the payload and the result are checked all the same
      @JobHandler(Invoice, { transactional: true })
      wrong(_job: Job<{ orderId: number }>, _manager: EntityManager) {
        return { pages: 1 };
      }

      // @ts-expect-error misspelt
      @JobHandler(Invoice, { transactoinal: true })
      misspelt(_job: Job<{ orderId: string }>) {
        return { pages: 1 };
      }
    }
    expect(Handlers).toBeTypeOf('function');
  });

  it('a batch handler takes an array of jobs, and says of each what became of it', () => {
    type Invoices = ReadonlyArray<Job<{ orderId: string }>>;
    class Handlers {
      @JobHandler(Invoice, { batch: { size: 10, wait: '50ms' } })
      async nothing(jobs: Invoices): Promise<void> {
        await Promise.all(jobs.map((job) => job.payload.orderId));
      }

      @JobHandler(Invoice, { batch: {}, queue: 'mail' })
      async each(jobs: Array<Job<{ orderId: string }>>) {
        return jobs.map((job) => (job.payload.orderId ? { pages: 1 } : new Error('none')));
      }

      @JobHandler('types.report', { batch: { size: 10 } })
      settled(jobs: ReadonlyArray<Job<{ month: string }>>) {
        return Promise.allSettled(jobs.map(async ({ payload }) => ({ pages: payload.month.length })));
      }

      @JobHandler(Invoice, { batch: { size: 10 } })
      mapped(jobs: Invoices) {
        return new Map(jobs.map((job) => [job, { pages: 1 }]));
      }

      @JobHandler('unknown', { batch: { size: 10 } })
      unknown(jobs: ReadonlyArray<Job<{ anything: string }>>) {
        return jobs.map((job) => job.payload.anything);
      }

      // @ts-expect-error it is given many
      @JobHandler(Invoice, { batch: { size: 10 } })
      one(_job: Job<{ orderId: string }>) {}

      // @ts-expect-error the payload is another one
      @JobHandler(Invoice, { batch: { size: 10 } })
      wrongPayload(_jobs: ReadonlyArray<Job<{ orderId: number }>>) {}

      // @ts-expect-error the result is another one
      @JobHandler(Invoice, { batch: { size: 10 } })
      wrongResult(jobs: Invoices) {
        return jobs.map(() => ({ sheets: 1 }));
      }

      // @ts-expect-error one result for all of them
      @JobHandler(Invoice, { batch: { size: 10 } })
      oneResult(_jobs: Invoices) {
        return { pages: 1 };
      }

      // @ts-expect-error there is no manager
      @JobHandler(Invoice, { batch: { size: 10 } })
      manager(_jobs: Invoices, _manager: EntityManager) {}

      // @ts-expect-error it is given one
      @JobHandler(Invoice)
      many(_jobs: Invoices) {
        return { pages: 1 };
      }

      // @ts-expect-error misspelt
      @JobHandler(Invoice, { batch: { sice: 10 } })
      misspelt(_jobs: Invoices) {}
    }
    expect(Handlers).toBeTypeOf('function');
  });

  it('a handler of an unknown name may take any payload', () => {
    class Handlers {
      @JobHandler('unknown')
      typed(job: Job<{ anything: string }>): number {
        return job.payload.anything.length;
      }

      @JobHandler('also unknown')
      nothing(): void {}
    }
    expect(Handlers).toBeTypeOf('function');
  });

  it('status, results and streams have their types', () =>
    expectToCompile((queue, configs) => {
      expectTypeOf(queue.status('mail')).resolves.toEqualTypeOf<QueueStatus>();
      expectTypeOf(queue.status()).resolves.toEqualTypeOf<Status>();
      expectTypeOf(queue.result<number>('id')).resolves.toEqualTypeOf<number>();
      expectTypeOf(queue.enqueue(Invoice, { orderId: '1' }).then((job) => queue.result(job))).resolves.toEqualTypeOf<{ pages: number }>();
      expectTypeOf(configs.watch('on', { parse: toBoolean, default: true })).toEqualTypeOf<Observable<boolean>>();
      expectTypeOf(configs.config$).toExtend<Observable<ReadonlyMap<string, string>>>();
      // @ts-expect-error the default has another type than the parser gives
      configs.watch('on', { parse: toBoolean, default: 'yes' });
    }));
});
