import { quoteLiteral } from '../../core/schema-name.js';
import type { Statement, StatementNames } from '../statement.js';

/**
 * Looks through a part of the live jobs for those that nobody may be tending: held by process $1, or by
 * one that is dead. $2 and $3 the ctids between which it looks; $4 dead processes for which the whole
 * table was looked through, to be forgotten after a minute.
 *
 * The first row tells how many pages the table has and which dead processes are known. No index: an index of
 * the held jobs would cost every reserve more than this costs now and then.
 */
export const patrol = ({ schema }: StatementNames): Statement => ({
  name: 'nq_patrol',
  text: `
WITH forgotten AS (
  DELETE FROM ${schema}.job_instances WHERE id = ANY ($4::uuid[]) AND expires_at < clock_timestamp() - interval '1 minute'
)
SELECT NULL AS id, NULL AS queue, NULL::bigint AS reservation, NULL::int AS stray,
  (pg_relation_size(${quoteLiteral(`${schema}.jobs`)}) / current_setting('block_size')::int)::int AS pages,
  (SELECT string_agg(i.id::text, ',') FROM ${schema}.job_instances i WHERE i.expires_at <= clock_timestamp()) AS dead,
  ((SELECT true FROM ${schema}.jobs j WHERE j.blocked AND j.queue = ANY (
    (SELECT i.queues FROM ${schema}.job_instances i WHERE i.id = $1::uuid)::text[]
  ) LIMIT 1) IS NOT NULL)::int AS blocked
UNION ALL
SELECT j.id::text, j.queue, j.reservation, (j.reserved_by <> $1::uuid)::int, NULL, NULL, NULL
FROM ${schema}.jobs j
WHERE j.ctid >= $2::text::tid AND j.ctid < $3::text::tid AND j.reserved_by IS NOT NULL AND (
  j.reserved_by = $1::uuid OR NOT EXISTS (
    SELECT FROM ${schema}.job_instances i WHERE i.id = j.reserved_by AND i.expires_at > clock_timestamp()
  )
)`,
});

/** Which of jobs $2 process $1 holds by the database. Index: jobs_pkey. */
export const holdings = ({ schema }: StatementNames): Statement => ({
  name: 'nq_holdings',
  text: `
SELECT id::text AS id, queue, reservation, cancel_requested::int AS cancel_requested
FROM ${schema}.jobs WHERE id = ANY ($2::uuid[]) AND reserved_by = $1::uuid`,
});

/**
 * Takes jobs $2 that process $1 holds out of the index that reserves walk, because they run long.
 *
 * Index: jobs_pkey. Concurrency: rows that somebody has locked are skipped and missing from the answer, so
 * this never waits for a settlement.
 */
export const shelve = ({ schema }: StatementNames): Statement => ({
  name: 'nq_shelve',
  text: `
UPDATE ${schema}.jobs SET due_at = 'infinity' WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM ${schema}.jobs
  WHERE id = ANY ($2::uuid[]) AND reserved_by = $1::uuid FOR UPDATE SKIP LOCKED
))
RETURNING id::text AS id`,
});
