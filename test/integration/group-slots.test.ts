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

  /** A state of some groups, in which each has at most one job that asks unless `mixed`: [key, concurrency row, running, jobs that ask]. */
  const STATES = Array.from({ length: 24 }, (_, seed) => {
    const mixed = seed % 4 === 3;
    return Array.from({ length: 6 }, (_, g) => {
      const dice = (seed * 7 + g * 5 + ((seed * g) % 3)) % 6;
      return { key: g === 5 ? '\u0001g5' : `g${g}`, running: [undefined, 0, 1, 2, undefined, 0][dice], asks: mixed && dice > 3 ? 2 : 1 };
    });
  });

  it.each([1, 2])('of single jobs are granted in a short way, which comes to the same as the long one: concurrency %i', async (concurrency) => {
    const short: unknown[] = [];
    const long: unknown[] = [];
    const client = await database.client();
    for (const groups of STATES) {
      for (const [policy, outcomes] of [[{ concurrency }, short], [{ concurrency, groups: {} }, long]] as const) {
        await client.query('BEGIN');
        for (const { key, running, asks } of groups) {
          if (running !== undefined) await client.query(`INSERT INTO notify_queue.job_groups (queue, key, running) VALUES ('lone', $1, $2)`, [key, running]);
          await client.query(`INSERT INTO notify_queue.jobs (queue, name, group_key, id) SELECT 'lone', 'work', $1, md5($1 || n)::uuid FROM generate_series(1, $2::int) n`, [key, asks]);
        }
        const { rows: [granted] } = await client.query(`SELECT notify_queue.group_admit('lone', array_agg(id), array_agg(group_key), array_agg(0), array_agg(priority), array_agg(run_at), $1, '{work}') AS ids
          FROM (SELECT * FROM notify_queue.jobs WHERE queue = 'lone' ORDER BY id) j`, [policy]);
        const { rows } = await client.query(`SELECT key, concurrency, running, rate FROM notify_queue.job_groups WHERE queue = 'lone' ORDER BY key`);
        const { rows: jobs } = await client.query(`SELECT group_key, blocked, due_at FROM notify_queue.jobs WHERE queue = 'lone' ORDER BY id`);
        outcomes.push({ groups, granted: granted.ids.toSorted(), rows, jobs });
        await client.query('ROLLBACK');
      }
    }
    expect(short).toEqual(long);
    expect(JSON.stringify(short)).toContain('"blocked":true');
  });

  it.each([true, false])('are looked for again where the next job was locked when the one before it left without one: the group is known %s', async (known) => {
    const [queue, key] = ['later', `known ${known}`];
    if (known) await database.query('INSERT INTO notify_queue.job_groups (queue, key) VALUES ($1, $2)', [queue, key]);
    const [job] = await database.query(
      `INSERT INTO notify_queue.jobs (queue, name, group_key, blocked, due_at) VALUES ($1, 'work', $2, true, 'infinity') RETURNING id`, [queue, key]);
    const other = await database.client();
    await other.query('BEGIN');
    await other.query('UPDATE notify_queue.jobs SET watched = true WHERE id = $1', [job.id]);
    const leave = () => database.query(`SELECT notify_queue.group_leave($1, ARRAY[$2], '{0}')`, [queue, key]);
    await leave();
    expect(await database.query('SELECT look_at IS NOT NULL AS look FROM notify_queue.job_groups WHERE queue = $1 AND key = $2', [queue, key])).toEqual([{ look: true }]);
    await other.query('ROLLBACK');
    await leave();
    expect(await database.query('SELECT blocked, due_at FROM notify_queue.jobs WHERE id = $1', [job.id])).toEqual([{ blocked: false, due_at: null }]);
  });
});
