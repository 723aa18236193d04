import { beforeEach, describe, expect, it } from 'vitest';
import { defineJob, Retry, type Job } from '../../lib/index.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { deferred, until } from '../support/wait.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('groups', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });
  beforeEach(() => database.query('TRUNCATE notify_queue.jobs, notify_queue.job_history, notify_queue.job_groups, notify_queue.job_configs'));

  it('runs jobs of one group one after another, in order, over two processes', async () => {
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const work = handle({
      step: async (job: Job<{ n: number }>) => {
        most = Math.max(most, ++running);
        await pause(2);
        order.push(job.payload.n);
        running--;
      },
    });
    const first = await start({ providers: [work] });
    await start({ providers: [work] });
    const numbers = Array.from({ length: 100 }, (_, n) => ({ n }));
    await first.queue.enqueueMany('step', numbers.slice(0, 50), { group: 'a' });
    for (const payload of numbers.slice(50)) await first.queue.enqueue('step', payload, { group: 'a' });
    await until(() => order.length === 100, { timeout: 10_000 });
    expect(most).toBe(1);
    expect(order).toEqual(numbers.map(({ n }) => n));
  });

  /** Runs jobs for a moment, and says how many of each group ran at once at most. */
  function meter(ms: number) {
    const running = new Map<string, number>();
    const most = new Map<string, number>();
    const ran: Array<{ group: string; at: number }> = [];
    const step = async (job: Job<{ group: string }>) => {
      const { group } = job.payload;
      running.set(group, (running.get(group) ?? 0) + 1);
      most.set(group, Math.max(most.get(group) ?? 0, running.get(group) as number));
      await pause(ms);
      running.set(group, (running.get(group) as number) - 1);
      ran.push({ group, at: performance.now() });
    };
    return { ran, most, work: handle({ step: step as never }) };
  }
  const Step = defineJob<{ group: string }>('step', { group: ({ group }) => group });

  it.each([
    [5, /^Option 'enqueue.group' is 5; expected a non-blank string of at most 200 bytes without control characters\.$/],
    [() => 'a', /^Option 'enqueue.group' is the function \(anonymous\); expected a non-blank string/],
    [undefined, /^Option 'defineJob\('step'\)\.group\(payload\)' is ' '; expected a non-blank string/],
  ])('refuses %s as the group of an enqueue', async (group, message) => {
    const { queue } = await start({ queue: { role: 'producer' } });
    await expect(queue.enqueue(Step, { group: ' ' }, { group: group as never })).rejects.toThrow(message);
    await expect(queue.enqueueMany(Step, [{ group: ' ' }], { group: group as never })).rejects.toThrow(message);
    expect((await queue.status()).queues).toEqual([]);
  });

  it('runs as many of a group at once as its limit says, over two processes, and no more', async () => {
    const { ran, most, work } = meter(3);
    const options = { providers: [work], queue: { queues: { default: { concurrency: 20, groups: { concurrency: 3 } } } } };
    const first = await start(options);
    await start(options);
    const payloads = Array.from({ length: 300 }, (_, n) => ({ group: n % 3 === 0 ? 'a' : 'b' }));
    await Promise.all(payloads.map((payload) => first.queue.enqueue(Step, payload)));
    await until(() => ran.length === 300, { timeout: 15_000 });
    expect(Object.fromEntries(most)).toEqual({ a: 3, b: 3 });
  });

  it('does not let small groups wait for a big one', async () => {
    const { ran, work } = meter(1);
    const { queue } = await start({ providers: [work], queue: { queues: { default: { concurrency: 4, groups: { concurrency: 4 } } } } });
    await queue.suspend();
    await queue.enqueueMany(Step, Array.from({ length: 3_000 }, () => ({ group: 'big' })));
    for (let n = 0; n < 20; n++) await queue.enqueueMany(Step, Array.from({ length: 10 }, () => ({ group: `small-${n}` })));
    await queue.resume();
    await until(() => ran.filter(({ group }) => group !== 'big').length === 200, { timeout: 20_000 });
    // 200 small jobs among 3,000: in turns with the big group they would take some 10 to 12 of its jobs each.
    expect(ran.filter(({ group }) => group === 'big').length).toBeLessThan(1_500);
  });

  it('lets a retry come before the next job of a group with one slot, and lets others pass', async () => {
    const order: string[] = [];
    const work = handle({
      step: (job: Job<{ n: string }>) => {
        order.push(job.payload.n);
        if (job.payload.n === 'a1' && job.attempt === 1) throw new Error('once more');
      },
    }, { failureMode: Retry({ times: 1, delay: 150 }) });
    const { queue } = await start({ providers: [work] });
    await queue.enqueueMany('step', [{ n: 'a1' }, { n: 'a2' }, { n: 'a3' }], { group: 'a' });
    await queue.enqueueMany('step', [{ n: 'b1' }, { n: 'b2' }], { group: 'b' });
    await until(() => order.length === 6);
    expect(order.filter((n) => n.startsWith('a'))).toEqual(['a1', 'a1', 'a2', 'a3']);
    expect(order.indexOf('b2')).toBeLessThan(order.lastIndexOf('a1'));
  });

  it('shows what is blocked, finds a group, and starts over with its group from the history', async () => {
    const gate = deferred<void>();
    const { queue } = await start({ providers: [handle({ step: () => gate.promise })] });
    const [first] = await queue.enqueueMany('step', [1, 2, 3], { group: 'a' });
    await until(async () => (await queue.get(first!.id))?.state === 'reserved');
    expect(await queue.status('default')).toMatchObject({ count: 3, reserved: 1, blocked: 2, available: 0 });
    const { jobs } = await queue.find({ group: 'a', state: 'blocked' });
    expect(jobs).toHaveLength(2);
    expect(jobs[0]).toMatchObject({ group: 'a', state: 'blocked' });
    gate.resolve();
    for (const { id } of jobs) await queue.result(id);
    await queue.retry(first!.id);
    expect(await queue.get(first!.id)).toMatchObject({ group: 'a' });
  });

  it.each(['cancel', 'hold', 'move', 'delay', 'priority'] as const)('lets the next one go after %s of the job before it', async (how) => {
    const ran: unknown[] = [];
    const { queue } = await start({ providers: [handle({ step: (job: Job) => void ran.push(job.payload) })], queue: { queues: { other: {} } } });
    await queue.suspend();
    const [first, second] = await queue.enqueueMany('step', ['first', 'second', 'third'], { group: 'a' });
    if (how === 'cancel') await queue.cancel(first!.id);
    if (how === 'hold') await queue.hold(first!.id);
    if (how === 'move') await queue.move(first!.id, 'other');
    if (how === 'delay') await queue.update(first!.id, { delay: '1h' });
    if (how === 'priority') await queue.update(second!.id, { priority: -1 });
    await queue.resume();
    await until(() => ran.includes('third'));
    if (how === 'priority') expect(ran).toEqual(['second', 'first', 'third']);
    else expect(ran.filter((payload) => payload !== 'first')).toEqual(['second', 'third']);
  });

  it('goes on with the next one after a job was deleted by SQL', async () => {
    const ran: unknown[] = [];
    const { queue } = await start({ providers: [handle({ step: (job: Job) => void ran.push(job.payload) })], queue: { sweepInterval: '200ms' } });
    await queue.suspend();
    const [first] = await queue.enqueueMany('step', ['first', 'second'], { group: 'a' });
    await database.query('DELETE FROM notify_queue.jobs WHERE id = $1', [first!.id]);
    await queue.resume();
    await until(() => ran.length === 1);
    // One that had the slot.
    await queue.suspend();
    await queue.enqueueMany('step', ['third', 'fourth'], { group: 'b' });
    await database.query(`UPDATE notify_queue.jobs SET slot = false WHERE group_key = 'b' AND NOT blocked`);
    await database.query(`INSERT INTO notify_queue.job_groups (queue, key, running, touched_at) VALUES ('default', 'b', 1, now() - interval '2 minutes')`);
    await database.query(`DELETE FROM notify_queue.jobs WHERE slot = false`);
    await queue.resume();
    await until(() => ran.length === 2);
    expect(ran).toEqual(['second', 'fourth']);
  });

  it('follows config rows for the limit of all groups, and of one', async () => {
    const { most, ran, work } = meter(20);
    const first = await start({ providers: [work], queue: { queues: { default: { concurrency: 20 } } } });
    const second = await start({ providers: [work], queue: { queues: { default: { concurrency: 20 } } } });
    const fill = () => first.queue.enqueueMany(Step, Array.from({ length: 60 }, (_, n) => ({ group: n % 2 ? 'a' : 'b' })));
    await fill();
    await until(() => ran.length >= 4);
    expect(most.get('a')).toBe(1);
    await second.configs.set('default_group_concurrency', '4');
    await until(() => most.get('a') === 4 && most.get('b') === 4, { timeout: 1_000 });
    await second.configs.set('default_group_concurrency:a', '7');
    await fill();
    await until(() => most.get('a') === 7, { timeout: 2_000 });
    await second.configs.set('default_group_concurrency', 'many');
    await until(() => [first, second].flatMap(({ logger }) => logger.of('error')).some((text) => text.includes(`'default_group_concurrency' is 'many'; expected an integer`)));
    await until(() => ran.length === 120, { timeout: 10_000 });
    expect(most.get('b')).toBe(4);
  });

  it('takes any name for a group, also in a config row, and refuses the one that is no name in SQL', async () => {
    const { most, ran, work } = meter(10);
    const { queue, configs } = await start({ providers: [work], queue: { queues: { default: { concurrency: 50 } } } });
    const names = ['__proto__', 'constructor', `'; DROP TABLE jobs; --`, '{"a":1}', '%s', '\\u0000'];
    for (const group of names) {
      await configs.set(`default_group_concurrency:${group}`, '3');
      await queue.enqueueMany(Step, Array.from({ length: 9 }, () => ({ group })));
    }
    await until(() => ran.length === 9 * names.length);
    for (const count of most.values()) expect([2, 3]).toContain(count);
    await expect(database.query(`INSERT INTO notify_queue.jobs (name, group_key) VALUES ('step', '')`)).rejects.toMatchObject({ constraint: 'jobs_group_check' });
  });

  it('survives the death of the process that runs a job of the group', async () => {
    const ran: unknown[] = [];
    const gate = deferred<void>();
    const work = handle({ step: async (job: Job) => (ran.push(job.payload), ran.length === 1 && gate.promise) });
    const app = await start({ providers: [work], queue: { sweepInterval: '100ms', lease: '1s' } });
    await app.queue.enqueueMany('step', [1, 2, 3], { group: 'a' });
    await until(() => ran.length === 1);
    await database.query(`UPDATE notify_queue.job_instances SET expires_at = now() - interval '1 s'`);
    await until(() => ran.length === 4, { timeout: 10_000 });
    gate.resolve();
    expect(ran).toEqual([1, 1, 2, 3]);
  });

  it('leaves no group asleep, without a sweep, whatever is done to its jobs', async () => {
    const ran = new Set<unknown>();
    let fails = 0;
    const work = handle({
      step: async (job: Job<number>) => {
        await pause(Math.random() * 3);
        if (job.payload % 7 === 0 && job.attempt === 1) throw new Error(`fails ${fails++}`);
        ran.add(job.payload);
      },
    }, { failureMode: Retry({ times: 2, delay: 20 }) });
    const apps = await Promise.all([1, 2].map(() => start({ providers: [work], queue: { queues: { default: { groups: { concurrency: 2 } } } } })));
    const ids: string[] = [];
    let gone = 0;
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      const { queue, dataSource } = apps[writer % 2]!;
      for (let n = 0; n < 40; n++) {
        const payload = writer * 1_000 + n;
        const options = { group: `g${Math.floor(Math.random() * 3)}`, ...(n % 5 === 0 && { delay: 10 }) };
        if (n % 4 === 0) {
          await dataSource.transaction(async (manager) => {
            ids.push((await queue.enqueue('step', payload, { ...options, manager })).id);
            await pause(Math.random() * 10);
          });
        } else ids.push((await queue.enqueue('step', payload, options)).id);
        const other = ids[Math.floor(Math.random() * ids.length)] as string;
        if (n % 6 === 0) await queue.update(other, { priority: n % 3 });
        if (n % 9 === 0 && (await queue.hold(other)) === 'ok') await queue.release(other);
        if (n % 11 === 0 && (await queue.cancel(other)) === 'ok') gone++;
        if (n % 13 === 0) await queue.watch(other).subscribe({ error: () => undefined }).unsubscribe();
      }
    });
    await Promise.all(writers);
    await until(() => ran.size + gone === 240, { timeout: 15_000 });
    const running = () => database.query('SELECT key, running FROM notify_queue.job_groups WHERE running <> 0');
    await until(async () => (await running()).length === 0, { timeout: 2_000 });
    expect((await apps[0]!.queue.status('default')).count).toBe(0);
  });
});
