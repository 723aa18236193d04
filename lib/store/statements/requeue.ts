import { leaveGroups } from './leave-groups.js';
import type { Statement, StatementNames } from '../statement.js';

/**
 * Puts held jobs back to wait: retries, moves, snoozes and runs that were cut short. As arrays:
 * $1 ids, $2 reservations, $3 delays in ms, $4 whether the attempt counts, $5 queues to move to,
 * $6 failure states, $7 failures; $8 the process that holds them.
 *
 * Index: jobs_pkey. Concurrency: rows are locked in order of id, and only under the reservation that
 * the caller holds; `run_at` stays, so that a retry keeps its place, and a run that does not count
 * leaves the failure state as it was. A job whose cancellation was
 * requested is refused. In a group with one slot a job keeps it, so that nothing of the group comes before it; with more, it gives
 * it up while it waits. Workers of the queues are woken for what is due within a minute.
 */
export const requeue = ({ schema }: StatementNames): Statement => ({
  name: 'nq_requeue',
  text: `
WITH input AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::float8[], $4::int[], $5::text[], $6::text[], $7::text[])
    AS i (id, reservation, delay_ms, counts, move_to, failure_state, failure)
), held AS MATERIALIZED (
  SELECT j.ctid, j.cancel_requested, j.queue, j.group_key, j.slot, i.*,
    CASE WHEN j.slot IS NOT NULL AND i.move_to IS NULL AND (i.delay_ms = 0 OR (
      SELECT g.concurrency = 1 FROM ${schema}.job_groups g WHERE g.queue = j.queue AND g.key = j.group_key
    )) THEN false END AS kept
  FROM ${schema}.jobs j JOIN input i ON i.id = j.id
  WHERE j.id = ANY ($1::uuid[]) AND j.reservation = i.reservation AND j.reserved_by = $8::uuid
  ORDER BY j.id FOR UPDATE OF j
), back AS (
  UPDATE ${schema}.jobs j
  SET due_at = CASE WHEN h.delay_ms > 0 THEN statement_timestamp() + make_interval(secs => h.delay_ms / 1000) END,
    retry_at = CASE WHEN h.delay_ms > 0 THEN statement_timestamp() + make_interval(secs => h.delay_ms / 1000) END,
    attempt = CASE WHEN h.move_to IS NOT NULL THEN 0 WHEN h.counts = 1 THEN j.attempt ELSE greatest(j.attempt - 1, 0) END,
    queue = COALESCE(h.move_to, j.queue),
    failure_state = CASE WHEN h.counts = 1 THEN h.failure_state::jsonb ELSE j.failure_state END,
    failure = COALESCE(h.failure::jsonb, j.failure), reserved_by = NULL, reserved_at = NULL, slot = h.kept
  FROM held h WHERE j.id = ANY (ARRAY(SELECT id FROM held)) AND j.id = h.id AND NOT h.cancel_requested
  RETURNING j.id, j.queue, h.delay_ms
), freed AS (
  SELECT h.queue, h.group_key, h.slot FROM held h JOIN back b ON b.id = h.id WHERE h.slot IS NOT NULL AND h.kept IS NULL
), passed AS MATERIALIZED (
  SELECT ${leaveGroups(schema, 'freed')} AS groups
), woken AS MATERIALIZED (
  SELECT count(${schema}.wake_queue(q.queue)) FROM (SELECT DISTINCT queue FROM back WHERE delay_ms <= 60000) q
)
SELECT i.id::text AS id, (h.id IS NOT NULL)::int AS cancelled
FROM input i LEFT JOIN held h ON h.id = i.id
-- Of a join with nothing the other side is not run.
WHERE (SELECT count(*) FROM woken, passed) > 0 AND NOT EXISTS (SELECT FROM back b WHERE b.id = i.id)`,
});
