import { Injectable } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineJob, JobHandler, type Job } from '../../lib/index.js';
import { startApp, type TestApp } from '../support/app.js';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';

const Greet = defineJob<{ who: string }, { text: string }>('greet');

@Injectable()
class Greeter {
  readonly seen: string[] = [];

  @JobHandler(Greet)
  async greet(job: Job<{ who: string }>) {
    this.seen.push(job.payload.who);
    return { text: `Hello ${job.payload.who}` };
  }
}

describe('a job', () => {
  const database = useTestDatabase();
  let app: TestApp;
  let greeter: Greeter;

  beforeAll(async () => {
    app = await startApp({ url: database.url, providers: [Greeter], queue: { sweepInterval: '1m' } });
    greeter = app.app.get(Greeter);
  });
  afterAll(() => app?.close());

  it('runs and gives its result', async () => {
    const { id } = await app.queue.enqueue(Greet, { who: 'Ada' });
    expect(await app.queue.result(id)).toEqual({ text: 'Hello Ada' });
    expect(await app.queue.get(id)).toMatchObject({ state: 'completed', attempt: 1, payload: { who: 'Ada' } });
  });

  it('exists if and only if its transaction commits', async () => {
    const rolledBack = app.dataSource.transaction(async (manager) => {
      await app.queue.enqueue(Greet, { who: 'nobody' }, { manager });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    const id = await app.dataSource.transaction(async (manager) => {
      const job = await app.queue.enqueue(Greet, { who: 'Grace' }, { manager });
      return job.id;
    });
    await app.queue.result(id);
    expect(greeter.seen).toContain('Grace');
    expect(greeter.seen).not.toContain('nobody');
  });

  it('is stored once under an id of the caller\'s, also where it has come and gone while an insert waited for another id', async () => {
    const [awaited, id] = [crypto.randomUUID(), crypto.randomUUID()];
    const holder = await database.client();
    await holder.query('BEGIN');
    await holder.query(`INSERT INTO notify_queue.jobs (id, name, queue) VALUES ($1, 'none', 'none')`, [awaited]);
    // Two calls at a time share an insert, in this order.
    const late = Promise.all([awaited, id].map((one) => app.queue.enqueue('none', {}, { id: one, queue: 'none' })));
    await until(async () => (await database.query(`SELECT FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted`)).length > 0);
    await database.query(`INSERT INTO notify_queue.jobs (id, name, queue) VALUES ($1, 'none', 'none')`, [id]);
    expect(await app.queue.cancel(id)).toBe('ok');
    await holder.query('COMMIT');
    await late;
    expect(await database.query('SELECT id, state FROM notify_queue.all_jobs WHERE id = ANY ($1) ORDER BY state', [[awaited, id]])).toEqual([
      { id: awaited, state: 'available' },
      { id, state: 'cancelled' },
    ]);
  });

  it('waits for its delay, without polling', async () => {
    const started = performance.now();
    const { id } = await app.queue.enqueue(Greet, { who: 'later' }, { delay: 300 });
    await app.queue.result(id);
    const elapsed = performance.now() - started;
    expect(elapsed).toBeGreaterThanOrEqual(295);
    expect(elapsed).toBeLessThan(1_500);
  });

  it('is done 1,000 times over', async () => {
    const before = greeter.seen.length;
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => app.queue.enqueue(Greet, { who: `n${i}` })));
    await until(() => greeter.seen.length >= before + 1_000, { timeout: 10_000 });
    expect(new Set(greeter.seen.slice(before)).size).toBe(1_000);
  });
});
