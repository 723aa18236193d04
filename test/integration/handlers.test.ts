import { Controller, Injectable, Module } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { defineJob, JobHandler, Retry, type Failure, type FailureHandler, type Job, type SuccessHandler } from '../../lib/index.js';
import { bootError, useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';

const Render = defineJob<{ pages: number }, string>('render', { queue: 'print', priority: 3 });

describe('handlers', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it('may stand on a controller', async () => {
    @Controller('prints')
    class Prints {
      @JobHandler(Render)
      async render(job: Job<{ pages: number }>) {
        return `${this.constructor.name} ${job.payload.pages}`;
      }
    }
    @Module({ controllers: [Prints] })
    class PrintModule {}
    const { queue } = await start({ imports: [PrintModule] });
    const job = await queue.enqueue(Render, { pages: 3 });
    expect(job.queue).toBe('print');
    expect(await queue.result(job.id)).toBe('Prints 3');
    expect(await queue.get(job.id)).toMatchObject({ priority: 3 });
  });

  it('are inherited, and an override is called', async () => {
    class Base {
      text(): string {
        return 'base';
      }
      @JobHandler('inherited')
      run(): string {
        return this.text();
      }
      @JobHandler('overridden')
      over(): string {
        return 'base';
      }
    }
    @Injectable()
    class Derived extends Base {
      override text(): string {
        return 'derived';
      }
      @JobHandler('overridden')
      override over(): string {
        return `${super.over()} and derived`;
      }
    }
    const { queue } = await start({ providers: [Derived] });
    const result = async (name: string) => queue.result((await queue.enqueue(name, {})).id);
    expect(await result('inherited')).toBe('derived');
    expect(await result('overridden')).toBe('base and derived');
  });

  it('one method may handle several jobs, and see which', async () => {
    @Injectable()
    class Many {
      @JobHandler('one')
      @JobHandler('two', { queue: 'other' })
      run(job: Job) {
        return `${job.name} in ${job.queue}`;
      }
    }
    const { queue } = await start({ providers: [Many] });
    const jobs = [await queue.enqueue('one', {}), await queue.enqueue('two', {})];
    expect(await Promise.all(jobs.map(({ id }) => queue.result(id)))).toEqual(['one in default', 'two in other']);
  });

  it('are found on what factories and values give, and on aliases once', async () => {
    class Plain {
      constructor(private readonly text: string) {}
      @JobHandler('plain')
      run() {
        return this.text;
      }
    }
    class Value {
      @JobHandler('value')
      run() {
        return 'value';
      }
    }
    const { queue } = await start({
      providers: [
        { provide: 'plain', useFactory: async () => new Plain('made') },
        { provide: 'alias', useExisting: 'plain' },
        { provide: 'value', useValue: new Value() },
      ],
    });
    const jobs = [await queue.enqueue('plain', {}), await queue.enqueue('value', {})];
    expect(await Promise.all(jobs.map(({ id }) => queue.result(id)))).toEqual(['made', 'value']);
  });

  it('are looked for without touching a getter, or stumbling over odd providers', async () => {
    const touched: string[] = [];
    class WithGetters {
      get dangerous(): never {
        touched.push('instance');
        throw new Error('touched');
      }
      static get alsoDangerous(): never {
        touched.push('static');
        throw new Error('touched');
      }
      set onlySet(_: unknown) {
        touched.push('setter');
      }
      @JobHandler('beside.getters')
      run() {
        return 'fine';
      }
    }
    const odd = [null, undefined, 0, 'text', Symbol('odd'), () => 1, [], Object.create(null), new Map(), new Proxy({}, {}), Promise.resolve(1)];
    const { queue } = await start({
      providers: [WithGetters, ...odd.map((useValue, n) => ({ provide: `odd ${n}`, useValue }))],
    });
    const { id } = await queue.enqueue('beside.getters', {});
    expect(await queue.result(id)).toBe('fine');
    expect(touched).toEqual([]);
  });

  it('are called by name at each run, so a spy or a replacement counts', async () => {
    @Injectable()
    class Replaced {
      @JobHandler('replaced')
      run() {
        return 'original';
      }
    }
    const { queue, app } = await start({ providers: [Replaced] });
    app.get(Replaced).run = () => 'replacement';
    const { id } = await queue.enqueue('replaced', {});
    expect(await queue.result(id)).toBe('replacement');
  });

  it('may be sync, async, or answer nothing', async () => {
    const work = { sync: () => 1, async: async () => 2, nothing: () => undefined, nil: async () => null };
    const { queue } = await start({ providers: [handle(work)] });
    const results = await Promise.all(Object.keys(work).map(async (name) => queue.result((await queue.enqueue(name, {})).id)));
    expect(results).toEqual([1, 2, undefined, undefined]);
  });

  it('are given everything that concerns the run', async () => {
    const seen: Job[] = [];
    const facts: unknown[] = [];
    const work = (job: Job): void => {
      seen.push(job);
      facts.push([job.attempt, job.maxAttempts, job.signal.aborted, job.enqueuedAt instanceof Date]);
      job.log.log('at work');
      if (job.attempt === 1) throw new Error('again');
    };
    const { queue, logger } = await start({ providers: [handle({ work })], queue: { defaults: { failureMode: Retry({ times: 1, delay: 0 }) } } });
    const { id } = await queue.enqueue('work', { deep: [1] });
    await queue.result(id);
    expect(seen[0]).toMatchObject({ id, name: 'work', queue: 'default', payload: { deep: [1] } });
    expect(facts).toEqual([[1, 2, false, true], [2, 2, false, true]]);
    expect(seen[0]!.payload).not.toBe(seen[1]!.payload);
    const logged = logger.entries.filter(({ message }) => message === 'at work');
    expect(logged).toHaveLength(2);
    expect(logged[0]!.params).toContainEqual(expect.objectContaining({ jobId: id, job: 'work', queue: 'default' }));
  });

  it('say at boot which job goes to which queue and method', async () => {
    const { logger } = await start({ providers: [handle({ mapped: () => null }, { queue: 'mail' })], queue: { queues: { mail: { concurrency: 4 } } } });
    expect(logger.of('log')).toContain('Mapped {mapped, queue mail, concurrency 4} job handler to Handlers.mapped');
  });

  class NotProvided implements FailureHandler, SuccessHandler {
    handleFailure(_failure: Failure) {
      return 'abandon' as const;
    }
    handleSuccess() {}
  }

  it.for([
    ['a failure mode of a queue', { queues: { mail: { failureMode: NotProvided } } }, {}],
    ['a failure mode behind another', { defaults: { failureMode: Retry({ times: 1, finally: NotProvided }) } }, {}],
    ['a success mode of a handler', {}, { successMode: NotProvided }],
  ] as const)('stop the boot when the class of %s is no provider', async ([, queue, options]) => {
    const error = await bootError(database, { queue, providers: [handle({ work: () => null }, options)] });
    expect(error).toMatchObject({ name: 'InvalidHandlerError', code: 'INVALID_HANDLER' });
    expect(error.message).toMatch(/^No provider of class NotProvided with a method handle(Failure|Success) was found\. Add it to the providers/);
  });

  it('role producer runs none, and role worker enqueues too', async () => {
    const work = handle({ ping: () => 'pong' });
    const producer = await start({ providers: [work], queue: { role: 'producer' } });
    const { id } = await producer.queue.enqueue('ping', {});
    await expect(producer.queue.result(id, { timeout: 300 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    const worker = await start({ providers: [work], queue: { role: 'worker' } });
    expect(await producer.queue.result(id)).toBe('pong');
    const other = await worker.queue.enqueue('ping', {});
    expect(await producer.queue.result(other.id)).toBe('pong');
  });
});
