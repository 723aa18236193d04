import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createStatements } from '../../lib/store/statements/index.js';
import { useTestDatabase } from '../support/database.js';
import { until } from '../support/wait.js';

const STATEMENTS = createStatements('notify_queue');
const START = [-32_768, '-infinity', '00000000-0000-0000-0000-000000000000'];

describe('the slots of a group', () => {
  const database = useTestDatabase();

  it('are not asked for by a job that was changed while the reserve was under way', async () => {
    const instance = randomUUID();
    await database.query(`INSERT INTO notify_queue.job_instances VALUES ($1, 'h', 1, '1', '{default}', now(), now(), now() + interval '1 h')`, [instance]);
    const insert = 'INSERT INTO notify_queue.jobs (name, group_key, reserved_by, reservation, due_at) VALUES ($1, $2, $3, $4, $5) RETURNING id';
    const [running] = await database.query<{ id: string }>(insert, ['work', null, instance, 1, 'infinity']);
    const [grouped] = await database.query<{ id: string }>(insert, ['work', 'g', null, 0, null]);
    const finish = [[running!.id], [1], null, null, null, null, [60_000, 60_000, 60_000]];
    const reserve = (finishes: unknown[]) =>
      database.query(STATEMENTS.exchange.text, ['default', 10, instance, ['work'], [], ...finishes, ...START, '{"concurrency": 1}']);
    // The reserve waits for the row of the job that it settles, and meets the other one after it was changed too.
    const other = await database.client();
    await other.query('BEGIN');
    await other.query('UPDATE notify_queue.jobs SET watched = true WHERE id IN ($1, $2)', [running!.id, grouped!.id]);
    const reserving = reserve(finish);
    await until(async () => (await database.query(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)).length > 0);
    await other.query('COMMIT');
    const [first, ...jobs] = await reserving;
    const slots = async () => (await database.query('SELECT running FROM notify_queue.job_groups')).map(({ running: taken }) => taken);
    expect(await slots()).toEqual(jobs.length > 0 ? [1] : []);
    expect(Number(first.seen)).toBe(1);
    const [, ...again] = await reserve([[], [], [], [], [], [], [60_000, 60_000, 60_000]]);
    expect([...jobs, ...again].map(({ id }) => id)).toEqual([grouped!.id]);
    expect(await slots()).toEqual([1]);
  });
});
