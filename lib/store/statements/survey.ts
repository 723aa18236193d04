import type { Statement, StatementNames } from '../statement.js';

/** Jobs of one queue that one survey makes available at most; a full batch is followed by another. */
export const PROMOTION_BATCH = 1_000;

/**
 * Makes due jobs of queues $1 available and tells what there is to do in each: one statement for all
 * queues of a process. Indexes: jobs_due_idx and jobs_available_idx, a few rows of each, and of the latter
 * what runs at this moment; job_groups_look_idx. Groups that are to be looked at are, and the next time is among the due times.
 * Concurrency: rows that another process is promoting are skipped; since this process may have no slot
 * for all that it promotes, the workers of the queue are woken.
 */
export const survey = ({ schema }: StatementNames): Statement => ({
  name: 'nq_survey',
  text: `
WITH mine AS (
  SELECT DISTINCT queue FROM unnest($1::text[]) AS m (queue)
), due AS MATERIALIZED (
  SELECT d.row FROM mine CROSS JOIN LATERAL (
    SELECT j.ctid AS row FROM ${schema}.jobs j
    WHERE j.queue = mine.queue AND j.due_at <= statement_timestamp() AND j.reserved_by IS NULL
    ORDER BY j.due_at LIMIT ${PROMOTION_BATCH} FOR UPDATE SKIP LOCKED
  ) d
), promoted AS (
  UPDATE ${schema}.jobs j SET due_at = NULL WHERE j.ctid = ANY (ARRAY(SELECT row FROM due)) RETURNING j.queue
), looked AS MATERIALIZED (
  SELECT queue, ${schema}.group_look(queue) AS next_ms FROM mine
), counted AS (
  SELECT queue, count(*) AS jobs FROM promoted GROUP BY queue
)
SELECT mine.queue,
  (counted.jobs > 0 OR (
    SELECT true FROM ${schema}.jobs j WHERE j.queue = mine.queue AND j.due_at IS NULL AND j.reserved_by IS NULL
    ORDER BY j.queue, j.priority, j.run_at, j.id LIMIT 1
  ) IS NOT NULL)::int AS available,
  CASE WHEN counted.jobs >= ${PROMOTION_BATCH} THEN 0 ELSE least((
    SELECT (extract(epoch FROM j.due_at - statement_timestamp()) * 1000)::float8
    FROM ${schema}.jobs j
    WHERE j.queue = mine.queue AND j.due_at > statement_timestamp() AND j.due_at < 'infinity'
    ORDER BY j.due_at LIMIT 1
  ), looked.next_ms) END AS next_due_ms
FROM mine JOIN looked USING (queue) LEFT JOIN counted USING (queue),
  (SELECT count(${schema}.wake_queue(queue)) FROM counted) woken`,
});
