import { describe, expect, it } from 'vitest';
import type { Job } from '../../../lib/index.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { listenerPids, untilListening } from '../../support/notifications.js';
import { until } from '../../support/wait.js';

describe('an idle worker wakes', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '10m' });
  const startedAt = new Map<string, number>();
  const note = handle({ note: (job: Job) => void startedAt.set(job.id, performance.now()) });
  it('by notification, with the sweep off, from another process’s commit', async () => {
    await start({ providers: [note] });
    const { queue } = await start({ queue: { role: 'producer' } });
    await untilListening(database, 2);
    for (let n = 0; n < 10; n++) {
      const { id } = await queue.enqueue('note', n);
      const committedAt = performance.now();
      await until(() => startedAt.has(id), { interval: 1, timeout: 2_000 });
      expect(startedAt.get(id)! - committedAt).toBeLessThan(500);
    }
  });

  it('through one connection for all queues of the process', async () => {
    const queues = { default: {}, mail: {}, fax: {} };
    await start({ providers: [note], queue: { queues } });
    const { queue } = await start({ queue: { role: 'producer', listen: false } });
    await untilListening(database);
    const jobs = await Promise.all(Object.keys(queues).map((name) => queue.enqueue('note', {}, { queue: name })));
    await until(() => jobs.every(({ id }) => startedAt.has(id)), { timeout: 3_000 });
    expect(await listenerPids(database)).toHaveLength(1);
  });

  it('by its timer, when a job becomes due, whoever enqueued it and however late it was heard of', async () => {
    const { queue } = await start({ queue: { role: 'producer' } });
    const early = await queue.enqueue('note', 'before the worker', { delay: '1.5s' });
    const before = performance.now();
    await start({ providers: [note] });
    await untilListening(database);
    const late = await queue.enqueue('note', 'after it', { delay: '700ms' });
    await until(() => startedAt.has(early.id) && startedAt.has(late.id));
    expect(startedAt.get(early.id)! - before).toBeGreaterThan(1_300);
    expect(startedAt.get(early.id)! - before).toBeLessThan(3_500);
    expect(startedAt.get(late.id)!).toBeLessThan(startedAt.get(early.id)!);
  });

  it('by the sweep, for a job that no notification told of', async () => {
    const { queue } = await start({ providers: [note], queue: { sweepInterval: '300ms' } });
    const [{ id }] = await database.query(`INSERT INTO notify_queue.jobs (name, notify) VALUES ('note', false) RETURNING id`);
    await queue.result(id, { timeout: '5s' });
    expect(startedAt.has(id)).toBe(true);
  });

  it('without LISTEN at all, by polling', async () => {
    await start({ providers: [note], queue: { listen: false, sweepInterval: '300ms' } });
    const other = await start({ queue: { role: 'producer', listen: false } });
    const { id } = await other.queue.enqueue('note', {});
    await other.queue.result(id, { timeout: '5s' });
    let seen: string | undefined;
    const watcher = await start({ queue: { role: 'producer', listen: false, sweepInterval: '200ms' } });
    watcher.configs.config$.subscribe((all) => (seen = all.get('polled')));
    await other.configs.set('polled', 'too');
    await until(() => seen === 'too');
    expect(await listenerPids(database)).toEqual([]);
  });

  it('after a lost connection: what came in between starts at once, and the next notification is heard', async () => {
    await start({ providers: [note] });
    const { queue } = await start({ queue: { role: 'producer', listen: false } });
    await untilListening(database);
    const [{ id: between }] = await database.query(
      `WITH cut AS (SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity
         WHERE application_name = 'notify-queue listener' AND datname = current_database())
       INSERT INTO notify_queue.jobs (name) SELECT 'note' FROM cut RETURNING id`,
    );
    const cutAt = performance.now();
    await until(() => startedAt.has(between), { timeout: 5_000 });
    expect(startedAt.get(between)! - cutAt).toBeLessThan(2_500);
    await untilListening(database);
    const { id } = await queue.enqueue('note', {});
    const committedAt = performance.now();
    await until(() => startedAt.has(id), { interval: 1, timeout: 3_000 });
    expect(startedAt.get(id)! - committedAt).toBeLessThan(1_000);
    expect(await listenerPids(database)).toHaveLength(1);
  });

  // It stops the server's process, which must be one of this machine.
  it.skipIf(process.env['DATABASE_URL'])('and reads everything again, when its notifications stop arriving although its connection seems fine', async () => {
    const { queue, logger } = await start({ providers: [note], queue: { lease: '1.5s' } });
    await untilListening(database);
    const [pid] = await listenerPids(database);
    process.kill(pid!, 'SIGSTOP');
    try {
      const other = await database.query(`INSERT INTO notify_queue.jobs (name) VALUES ('note') RETURNING id`);
      await until(() => startedAt.has(other[0].id as string), { timeout: 8_000 });
      await until(async () => (await listenerPids(database)).some((one) => one !== pid));
      expect(logger.of('warn').join('\n')).toMatch(/notification connection was lost/);
      const { id } = await queue.enqueue('note', {});
      await queue.result(id);
    } finally {
      process.kill(pid!, 'SIGCONT');
    }
    await until(async () => !(await listenerPids(database)).includes(pid!));
  });
});
