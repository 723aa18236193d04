import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createStatements } from '../../lib/store/statements/index.js';
import { useTestDatabase } from '../support/database.js';

const { exchange, requeue, progress } = createStatements('notify_queue');

/** The worker. */
const ME = randomUUID();

/** How a worker's writes look in the database when it names this reservation. */
const WRITES: Record<string, (id: string, reservation: number) => { text: string; params: unknown[] }> = {
  'a completion': (id, reservation) => ({
    text: exchange.text,
    params: ['default', 0, ME, [], [], [id], [reservation], ['completed'], ['"mine"'], [null], [60_000], [null], null, null, null, '{}'],
  }),
  'an abandonment': (id, reservation) => ({
    text: exchange.text,
    params: ['default', 0, ME, [], [], [id], [reservation], ['abandoned'], [null], ['{}'], ['1'], [60_000, 60_000, 60_000], null, null, null, '{}'],
  }),
  'a retry': (id, reservation) => ({ text: requeue.text, params: [[id], [reservation], [5], [1], [null], ['{}'], ['{}'], ME] }),
  'a move': (id, reservation) => ({ text: requeue.text, params: [[id], [reservation], [0], [1], ['elsewhere'], [null], ['{}'], ME] }),
  'progress': (id, reservation) => ({ text: progress.text, params: [[id], [reservation], ['"mine"'], ME] }),
};

/** What may have become of the job meanwhile. */
const MEANWHILE: Record<string, string> = {
  'is held by another process': `UPDATE notify_queue.jobs SET reservation = 6, reserved_by = gen_random_uuid() WHERE id = $1`,
  // As after a failover that lost the reservation.
  'is held by another process under the same number': `UPDATE notify_queue.jobs SET reserved_by = gen_random_uuid() WHERE id = $1`,
  'waits again': `UPDATE notify_queue.jobs SET reserved_by = NULL, reserved_at = NULL WHERE id = $1`,
  'waits for its retry': `UPDATE notify_queue.jobs SET due_at = now() + '1 h', reserved_by = NULL, reserved_at = NULL WHERE id = $1`,
  'is gone': `DELETE FROM notify_queue.jobs WHERE id = $1`,
};

describe('a write with a reservation that is over', () => {
  const database = useTestDatabase();
  const cases = Object.keys(WRITES).flatMap((write) => Object.keys(MEANWHILE).map((fate) => [write, fate] as const));

  async function held(): Promise<string> {
    const [{ id }] = await database.query(
      `INSERT INTO notify_queue.jobs (name, reserved_by, reserved_at, reservation, attempt)
       VALUES ('held', $1, now(), 5, 1) RETURNING id`,
      [ME],
    );
    return id as string;
  }
  const rows = (id: string): Promise<unknown[]> =>
    database.query(
      `SELECT 'live' AS place, to_jsonb(j) AS row FROM notify_queue.jobs j WHERE id = $1
       UNION ALL SELECT 'history', to_jsonb(h) FROM notify_queue.job_history h WHERE id = $1`,
      [id],
    );

  it.for(cases)('%s changes nothing when the job %s', async ([write, fate]) => {
    const id = await held();
    await database.query(MEANWHILE[fate]!, [id]);
    const before = await rows(id);
    const { text, params } = WRITES[write]!(id, 5);
    await database.query(text, params);
    expect(await rows(id)).toEqual(before);
  });

  it.for(Object.keys(WRITES))('%s does change the job that its reservation holds', async (write) => {
    const id = await held();
    const before = await rows(id);
    const { text, params } = WRITES[write]!(id, 5);
    await database.query(text, params);
    expect(await rows(id)).not.toEqual(before);
  });
});
