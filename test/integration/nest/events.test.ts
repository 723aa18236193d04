import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { AbandonJobError, type ClusterJobEvent, type JobEvent, Move, Retry, SnoozeJobError } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { handle } from '../../support/handlers.js';
import { listen, untilListening } from '../../support/notifications.js';
import { until } from '../../support/wait.js';

describe('events$', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });

  it.each([
    ['a job that completes', () => 1, {}, ['job:started', 'job:enqueued', 'job:completed']],
    ['one that is abandoned', () => { throw new AbandonJobError('No'); }, {}, ['job:started', 'job:enqueued', 'job:abandoned']],
    [
      'one that is retried',
      (job: { attempt: number }) => { if (job.attempt === 1) throw new Error('Once'); },
      { failureMode: Retry({ times: 1, delay: 0 }) },
      ['job:started', 'job:enqueued', 'job:retried', 'job:started', 'job:completed'],
    ],
    [
      'one that is moved',
      (job: { queue: string }) => { if (job.queue === 'default') throw new Error('Elsewhere'); },
      { failureMode: Move({ queue: 'other' }) },
      ['job:started', 'job:enqueued', 'job:moved', 'job:started', 'job:completed'],
    ],
  ] as Array<[string, (job: any) => unknown, object, string[]]>)('%s', async (_, run, options, kinds) => {
    const { queue } = await start({ providers: [handle({ work: run }, options)], queue: { queues: { other: {} } } });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    const { id } = await queue.enqueue('work', {});
    await queue.result(id).catch(() => undefined);
    await until(() => events.length === kinds.length);
    // The hand-over starts a job when its insert is answered, a moment before the caller is.
    expect(events.map(({ kind }) => kind).sort()).toEqual([...kinds].sort());
    expect(events.every((event) => event.jobId === id && event.name === 'work')).toBe(true);
    const started = events.find(({ kind }) => kind === 'job:started');
    expect(started).toMatchObject({ attempt: 1, queue: 'default' });
    expect(started?.waitTimeMs).toBeGreaterThanOrEqual(0);
    const last = events.at(-1)!;
    expect(last.runTimeMs).toBeGreaterThanOrEqual(0);
    if (last.kind === 'job:abandoned') expect(last.failure).toMatchObject({ message: 'No' });
  });

  it('snoozing and delays: how long a job waited counts from when it was due', async () => {
    let runs = 0;
    const { queue } = await start({ providers: [handle({ nap: () => { if (++runs === 1) throw new SnoozeJobError(20); } })] });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    await queue.result(await queue.enqueue('nap', {}, { delay: 400 }));
    await until(() => events.some(({ kind }) => kind === 'job:completed'));
    expect(events.map(({ kind }) => kind)).toEqual(['job:enqueued', 'job:started', 'job:released', 'job:started', 'job:completed']);
    expect(events[1]?.waitTimeMs).toBeLessThan(350);
    expect(events[2]?.delayMs).toBe(20);
  });

  it('an end is told when it is committed, to every subscriber, and one that throws hurts nobody', async () => {
    const { queue, logger } = await start({ providers: [handle({ work: () => 1 })] });
    const states: unknown[] = [];
    queue.events$.subscribe(() => {
      throw new Error('A broken subscriber');
    });
    queue.events$.subscribe((event) => {
      if (event.kind === 'job:completed') states.push(queue.get(event.jobId));
    });
    for (let i = 0; i < 3; i++) await queue.result(await queue.enqueue('work', {}));
    await until(() => states.length === 3);
    for (const job of await Promise.all(states)) expect(job).toMatchObject({ state: 'completed' });
    expect(logger.of('error').every((text) => text === 'A listener of job events failed')).toBe(true);
  });

  it('rescued jobs', async () => {
    const { queue } = await start({ providers: [handle({ work: () => 1 })], queue: { sweepInterval: '100ms', lease: '500ms' } });
    const events: JobEvent[] = [];
    queue.events$.subscribe((event) => events.push(event));
    await database.query(
      `INSERT INTO notify_queue.jobs (name, reserved_by, reserved_at, reservation, attempt) VALUES ('work', gen_random_uuid(), now(), 1, 1)`,
    );
    await until(() => events.some(({ kind }) => kind === 'job:completed'));
    expect(events.map(({ kind }) => kind)).toEqual(['job:rescued', 'job:started', 'job:completed']);
  });
});

describe('clusterEvents$', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const fails = handle({
    fails: ({ payload }: { payload: string }) => {
      throw Object.assign(new Error(payload), { code: 'E_HERE', cause: new Error('not told') });
    },
    work: () => 1,
  });

  it('every process hears, once and in order, of the kinds that a process tells', async () => {
    const producer = await start({ queue: { role: 'producer' } });
    const workers = [await start({ providers: [fails], queue: { clusterEvents: ['job:abandoned', 'job:completed'] } }), await start({ queue: { role: 'producer' } })];
    const seen = [producer, ...workers].map(({ queue }) => {
      const events: ClusterJobEvent[] = [];
      queue.clusterEvents$.subscribe((event) => events.push(event));
      return events;
    });
    await untilListening(database, 3);
    const failing = await producer.queue.enqueue('fails', 'é'.repeat(2_000));
    await producer.queue.result(failing).catch(() => undefined);
    const jobs = await producer.queue.enqueueMany('work', Array.from({ length: 200 }, (_, n) => n));
    await until(() => seen.every((events) => events.length === 201));
    for (const events of seen) {
      expect(events[0]).toEqual({
        kind: 'job:abandoned',
        jobId: failing.id,
        name: 'fails',
        queue: 'default',
        attempt: 1,
        runTimeMs: expect.any(Number),
        failure: { name: 'Error', message: 'é'.repeat(500), code: 'E_HERE' },
        host: hostname(),
        pid: process.pid,
      });
      expect(new Set(events.slice(1).map(({ kind, jobId }) => `${kind} ${jobId}`))).toEqual(new Set(jobs.map(({ id }) => `job:completed ${id}`)));
    }
  });

  it('tells many together, and what is left at the shutdown', async () => {
    const hearer = await start({ queue: { role: 'producer' } });
    const heardNow = await listen(database);
    const worker = await start({ providers: [fails], queue: { clusterEvents: ['job:completed'] } });
    let heard = 0;
    hearer.queue.clusterEvents$.subscribe(() => heard++);
    await untilListening(database, 2);
    const jobs = await worker.queue.enqueueMany('work', Array.from({ length: 2_000 }, (_, n) => n));
    await worker.queue.result(jobs.at(-1)!);
    await worker.close();
    await until(() => heard === 2_000);
    const told = (await heardNow()).filter(({ channel }) => channel === 'events');
    expect(told.length).toBeLessThan(120);
    expect(told.every(({ payload }) => payload.length < 8_000)).toBe(true);
  });

  it('tells nothing by default, and takes nothing amiss', async () => {
    const worker = await start({ providers: [fails] });
    const heardNow = await listen(database);
    const events: ClusterJobEvent[] = [];
    worker.queue.clusterEvents$.subscribe((event) => {
      events.push(event);
      throw new Error('A broken subscriber');
    });
    await untilListening(database);
    await worker.queue.result(await worker.queue.enqueue('work', {}));
    expect((await heardNow()).filter(({ channel }) => channel === 'events')).toEqual([]);
    for (const payload of ['', '{', 'null', '[]', '{"events":1}', '{"events":[null,{}]}', '{"events":[{"kind":"job:lost"}]}']) {
      await database.query(`SELECT pg_notify('notify_queue.events', $1)`, [payload]);
    }
    await until(() => events.length > 0);
    expect(events).toEqual([{ kind: 'job:lost', host: 'undefined', pid: NaN }]);
  });

  it('drops what it cannot tell, and goes on', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const hearer = await start({ queue: { role: 'producer' } });
    const worker = await start({ url: proxy.url, providers: [fails], queue: { clusterEvents: ['job:completed'] } });
    const heard: string[] = [];
    hearer.queue.clusterEvents$.subscribe(({ jobId }) => heard.push(jobId));
    await untilListening(database, 2);
    const lost = proxy.loseAnswerTo('notify_queue.events');
    await hearer.queue.result(await hearer.queue.enqueue('work', {}));
    await lost;
    await until(() => worker.logger.of('debug').includes('1 job events could not be told to other processes'));
    const job = await hearer.queue.enqueue('work', {});
    await until(() => heard.includes(job.id));
    expect(heard.length).toBeLessThanOrEqual(2);
  });
});
