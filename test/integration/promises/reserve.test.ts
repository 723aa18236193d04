import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '../../../lib/index.js';
import { Database } from '../../../lib/store/database.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { FaultProxy } from '../../support/fault-proxy.js';
import { handle } from '../../support/handlers.js';
import { untilListening } from '../../support/notifications.js';
import { deferred, until } from '../../support/wait.js';

/** Each shortcut of the hot path beside the promise that it could break. */
describe('reserving', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '500ms' });
  afterEach(() => vi.restoreAllMocks());

  it('finds a more urgent job that comes in before the place where the last reserve ended', async () => {
    const order: string[] = [];
    const work = handle({ step: (job: Job<{ n: string }>) => void order.push(job.payload.n) });
    const { queue } = await start({ providers: [work], queue: { queues: { default: { concurrency: 1 } } } });
    const many = Array.from({ length: 20_000 }, () => ({ n: 'backlog' }));
    await queue.suspend();
    for (let i = 0; i < many.length; i += 5_000) await queue.enqueueMany('step', many.slice(i, i + 5_000));
    await queue.resume();
    await until(() => order.length > 3_000);
    await queue.enqueue('step', { n: 'urgent' }, { priority: -1 });
    await until(() => order.length === many.length + 1, { timeout: 30_000 });
    expect(order.indexOf('urgent')).toBeLessThan(many.length);
  });

  it('is sent while the jobs of the last one are on their way, which run first', async () => {
    const run = Database.prototype.run;
    let sent = 0;
    let underWay = 0;
    let most = 0;
    vi.spyOn(Database.prototype, 'run').mockImplementation(async function (this: Database, statement, params, doing, onFirstRow) {
      if (statement.name !== 'nq_exchange' || !params[1]) return run.call(this, statement, params, doing, onFirstRow);
      const isLate = sent++ % 2 === 0;
      most = Math.max(most, ++underWay);
      const rows = await run.call(this, statement, params, doing, onFirstRow);
      if (isLate) await sleep(40);
      underWay--;
      return rows;
    });
    const ran: number[] = [];
    const work = handle({ step: (job: Job<{ n: number }>) => void ran.push(job.payload.n) });
    const { queue } = await start({ providers: [work], queue: { queues: { default: { concurrency: 1 } } } });
    const payloads = Array.from({ length: 5_000 }, (_, n) => ({ n }));
    await queue.suspend();
    await queue.enqueueMany('step', payloads);
    await queue.resume();
    await until(() => ran.length === payloads.length, { timeout: 20_000 });
    expect(ran).toEqual(payloads.map(({ n }) => n));
    expect(most).toBeGreaterThan(1);
  });

  it('loses no job when the connection breaks before all of an answer has arrived', async () => {
    const proxy = await FaultProxy.forTest(database.url);
    const ran: number[] = [];
    const work = handle({ step: (job: Job<{ n: number }>) => void ran.push(job.payload.n) });
    const { queue } = await start({ providers: [work], url: proxy.url });
    const payloads = Array.from({ length: 50 }, (_, n) => ({ n }));
    await queue.suspend();
    await queue.enqueueMany('step', payloads);
    await untilListening(database);
    const lost = proxy.loseEndOfAnswerTo('nq_exchange');
    await queue.resume();
    await lost;
    await until(() => ran.length >= payloads.length, { timeout: 5_000 });
    expect(ran.toSorted((a, b) => a - b)).toEqual(payloads.map(({ n }) => n));
  });

  it('starts a job that must run alone as soon as what ran beside it is settled', async () => {
    const gate = deferred();
    const work = handle({ slow: () => gate.promise, deadly: () => 'alone' });
    const { queue } = await start({ providers: [work], queue: { sweepInterval: '10m' } });
    await untilListening(database);
    const slow = await queue.enqueue('slow', null);
    await until(async () => (await queue.get(slow.id))?.state === 'reserved');
    const { id } = await queue.enqueue('deadly', null, { delay: '1h' });
    await database.query('UPDATE notify_queue.jobs SET crashes = 2 WHERE id = $1', [id]);
    await queue.update(id, { delay: 0 });
    await until(async () => (await queue.get(id))?.state === 'reserved');
    await sleep(50);
    gate.resolve();
    await until(async () => (await queue.get(id))?.state === 'completed', { timeout: 2_000 });
    expect(await queue.result(id)).toBe('alone');
  });

  it('finds jobs that committed late, with ids and times before those already done', async () => {
    const seen = new Set<unknown>();
    const work = handle({ late: (job: Job<{ n: number }>) => void seen.add(job.payload.n) });
    const { queue, dataSource } = await start({ providers: [work], queue: { sweepInterval: '10m' } });
    const committed = deferred<void>();
    const open = dataSource.transaction(async (manager) => {
      await queue.enqueue('late', { n: -1 }, { manager });
      await committed.promise;
    });
    await queue.enqueueMany('late', Array.from({ length: 3_000 }, (_, n) => ({ n })));
    await until(() => seen.size === 3_000);
    committed.resolve();
    await open;
    await until(() => seen.has(-1), { timeout: 2_000 });
    expect(seen.size).toBe(3_001);
  });

  it('does not keep jobs waiting behind a slow one while another process is idle', async () => {
    const startedAt = new Map<unknown, number>();
    const slow = deferred<void>();
    const work = handle({
      mixed: async (job: Job<{ n: number }>) => {
        startedAt.set(job.payload.n, performance.now());
        if (job.payload.n === 2_000) await slow.promise;
      },
    });
    const options = { providers: [work], queue: { queues: { default: { concurrency: 1 } }, sweepInterval: '10m' as const } };
    const first = await start(options);
    await first.queue.suspend();
    await first.queue.enqueueMany('mixed', Array.from({ length: 2_200 }, (_, n) => ({ n })));
    await first.queue.resume();
    await until(() => startedAt.has(2_000));
    await start(options);
    await until(() => startedAt.size === 2_200, { timeout: 3_000 });
    slow.resolve();
    expect(Math.max(...startedAt.values()) - (startedAt.get(2_000) as number)).toBeLessThan(2_500);
  });

  it('starts no job of a suspended queue by handing it over', async () => {
    const ran: string[] = [];
    const { queue } = await start({ providers: [handle({ direct: (job: Job) => void ran.push(job.id) })] });
    const first = await queue.enqueue('direct', null);
    await queue.result(first.id);
    // Behind the back of this process: its own copy of the configuration does not know yet.
    await database.query(`ALTER TABLE notify_queue.job_configs DISABLE TRIGGER job_configs_changed`);
    await database.query(`UPDATE notify_queue.job_configs SET value = 'true' WHERE key = 'suspended'`);
    const { id } = await queue.enqueue('direct', null);
    expect((await queue.get(id))?.state).toBe('available');
    await database.query(`ALTER TABLE notify_queue.job_configs ENABLE TRIGGER job_configs_changed`);
    await queue.resume();
    await queue.result(id);
    expect(ran).toEqual([first.id, id]);
  });

  it('takes back a job that the database gave to a process which never heard of it', async () => {
    const { queue } = await start({ providers: [handle({ unheard: () => 'done' })] });
    // An application that was closed while it was uncertain leaves the row of its ended lease behind.
    const [instance] = await database.query(`SELECT id FROM notify_queue.job_instances WHERE expires_at > now()`);
    const [row] = await database.query(
      `INSERT INTO notify_queue.jobs (name, reserved_by, reserved_at, reservation, attempt, notify)
       VALUES ('unheard', $1, now(), 1, 1, false) RETURNING id`,
      [instance.id],
    );
    expect(await queue.result(row.id, { timeout: '5s' })).toBe('done');
    expect(await queue.get(row.id)).toMatchObject({ attempt: 1, crashes: 0 });
  });
});
