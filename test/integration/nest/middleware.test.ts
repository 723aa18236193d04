import { AsyncLocalStorage } from 'node:async_hooks';
import { type CanActivate, Injectable, UseGuards } from '@nestjs/common';
import { describe, expect, it } from 'vitest';
import { type Job, JobHandler, type JobMiddleware, Retry } from '../../../lib/index.js';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

describe('middleware', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  const tenants = new AsyncLocalStorage<string>();
  const tenant: JobMiddleware = {
    enqueue(call, next) {
      call.context['tenant'] = tenants.getStore();
      return next();
    },
    run: (job, next) => tenants.run(String(job.context['tenant']), next),
  };

  it('carries what it captures at the enqueue to the run, its guards and each retry', async () => {
    const seen: string[] = [];
    class Guard implements CanActivate {
      canActivate = () => seen.push(`guard ${tenants.getStore()}`) > 0;
    }
    @Injectable()
    class Handlers {
      @JobHandler('work', { failureMode: Retry({ times: 1, delay: 0 }) })
      @UseGuards(Guard)
      async run(job: Job) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        seen.push(`run ${tenants.getStore()}`);
        if (job.attempt === 1) throw new Error('Once more');
        return job.context;
      }
    }
    const { queue } = await start({ providers: [Handlers], queue: { middleware: [tenant] } });
    const job = await tenants.run('blue', () => queue.enqueue('work', {}));
    expect(await queue.result(job)).toEqual({ tenant: 'blue' });
    expect(seen).toEqual(['guard blue', 'run blue', 'guard blue', 'run blue']);
    const many = await tenants.run('red', () => queue.enqueueMany('work', [{}, {}]));
    for (const one of many) expect(await queue.result(one)).toEqual({ tenant: 'red' });
  });

  it('is passed from process to process, in a transaction, and beside run options of the enqueue', async () => {
    const worker = await start({ providers: [handle({ work: (job) => job.context })], queue: { middleware: [tenant] } });
    const web = await start({ queue: { role: 'producer', middleware: [tenant] } });
    const job = await web.dataSource.transaction((manager) => tenants.run('green', () => web.queue.enqueue('work', {}, { manager, maxJobTime: '5s' })));
    expect(await worker.queue.result(job)).toEqual({ tenant: 'green' });
  });

  it('a job without any has an empty context', async () => {
    const { queue } = await start({ providers: [handle({ work: (job) => job.context })] });
    expect(await queue.result(await queue.enqueue('work', {}))).toEqual({});
    expect(await queue.result(await queue.enqueue('work', {}, { maxJobTime: '5s' }))).toEqual({});
  });

  it('the first one is outermost, on both sides, and sees what comes of it', async () => {
    const calls: string[] = [];
    const named = (name: string): JobMiddleware => ({
      async enqueue(call, next) {
        calls.push(`${name} enqueues ${call.count} ${call.name}`);
        const jobs = await next();
        calls.push(`${name} enqueued ${jobs.length} to ${jobs[0]?.queue}`);
        return jobs;
      },
      async run(job, next) {
        calls.push(`${name} runs ${job.name}`);
        const result = await next();
        calls.push(`${name} ran to ${String(result)}`);
        return result;
      },
    });
    const { queue } = await start({ providers: [handle({ work: () => 'done' }, { queue: 'q' })], queue: { middleware: [named('a'), named('b'), { event: () => undefined }] } });
    const [job] = await queue.enqueueMany('work', [1]);
    await queue.result(job!);
    expect(calls.slice(0, 2)).toEqual(['a enqueues 1 work', 'b enqueues 1 work']);
    expect(calls.filter((call) => call.includes('enqueued'))).toEqual(['b enqueued 1 to q', 'a enqueued 1 to q']);
    expect(calls.filter((call) => / r[ua]n/.test(call))).toEqual(['a runs work', 'b runs work', 'b ran to done', 'a ran to done']);
  });

  it('around a call that is refused sees what can be seen of it, and the call fails as without it', async () => {
    const calls: Array<[string, number]> = [];
    const counting: JobMiddleware = {
      enqueue(call, next) {
        calls.push([call.name, call.count]);
        return next();
      },
    };
    const { queue } = await start({ queue: { role: 'producer', middleware: [counting] } });
    const unreadable = Object.create(null) as never;
    await expect(queue.enqueueMany('work', { length: unreadable } as never)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(queue.enqueue({ name: unreadable } as never, 1 as never)).rejects.toMatchObject({ code: expect.stringMatching(/^INVALID_/) });
    expect(calls).toEqual([['work', 0], ['', 1]]);
  });

  it('is attached to the JobQueue before anything is enqueued, and let go when it has closed', async () => {
    const told: string[] = [];
    const watching: JobMiddleware = {
      attach(jobQueue) {
        told.push(`attached to ${jobQueue.name}, listening ${jobQueue.stats().listening}`);
        const subscription = jobQueue.events$.subscribe(({ kind }) => told.push(kind));
        return () => {
          subscription.unsubscribe();
          told.push('ended');
        };
      },
    };
    const { queue, close } = await start({ queue: { role: 'producer', middleware: [watching] } });
    await queue.enqueue('work', {});
    await close();
    expect(told).toEqual(['attached to default, listening false', 'job:enqueued', 'ended']);

    const failing: JobMiddleware = {
      attach() {
        throw new Error('No such registry');
      },
    };
    expect(await bootError(database, { queue: { middleware: [watching, failing] } })).toMatchObject({ message: 'No such registry' });
    expect(told.slice(3)).toEqual(['attached to default, listening false', 'ended']);
  });

  it('what it throws the caller gets, or fails the run', async () => {
    const refuse: JobMiddleware = {
      enqueue(call, next) {
        if (call.name === 'refused') throw new RangeError('No tenant');
        return next();
      },
      run() {
        throw new RangeError('No such tenant');
      },
    };
    const { queue } = await start({ providers: [handle({ work: () => 1, refused: () => 1 })], queue: { middleware: [refuse] } });
    await expect(queue.enqueue('refused', {})).rejects.toThrow(new RangeError('No tenant'));
    await expect(queue.result(await queue.enqueue('work', {}))).rejects.toMatchObject({ failure: { name: 'RangeError', message: 'No such tenant' } });
    expect(await database.query(`SELECT 1 FROM notify_queue.all_jobs WHERE name = 'refused'`)).toEqual([]);
  });

  it.each([
    ['too much', { big: 'x'.repeat(8_192) }, 'VALUE_TOO_LARGE', /^context has 8196 bytes or more; the limit is 8192/],
    ['what JSON does not hold', { big: 5n }, 'UNSTORABLE_VALUE', /^context\.big cannot be stored: JSON has no BigInt/],
  ])('%s is refused before anything is stored', async (_, context, code, message) => {
    const put: JobMiddleware = { enqueue: (call, next) => (Object.assign(call.context, context), next()) };
    const { queue } = await start({ queue: { middleware: [put], role: 'producer' } });
    await expect(queue.enqueue('nobody', {})).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await database.query(`SELECT 1 FROM notify_queue.all_jobs WHERE name = 'nobody'`)).toEqual([]);
  });

  it.each([[[{}]], [[{ run: 'no function' }]], ['run'], [[null]]])('%j is refused at boot', async (middleware) => {
    expect(await bootError(database, { queue: { middleware: middleware as never } })).toMatchObject({ code: 'INVALID_OPTION' });
  });
});
