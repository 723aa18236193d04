import type { Statement, StatementNames } from '../statement.js';
import { HISTORY_FROM_JOB } from './history-columns.js';

/** $1 id, $2 reservation, $3 the process that holds it. */
const HELD = `id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND reservation OPERATOR(pg_catalog.=) $2::bigint
    AND reserved_by OPERATOR(pg_catalog.=) $3::pg_catalog.uuid`;

/**
 * Completes one job in the transaction that its handler worked in: $4 result, $5 progress that was not stored yet, $6
 * milliseconds to keep it. `finished` is 0 when the reservation is no longer held.
 *
 * Runs in the session of the application. Index: jobs_pkey. Concurrency: the row stays locked until the transaction
 * ends, so nobody can take the job between this and the commit; whoever rescues passes it over.
 */
export const finishJob = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_finish_job',
  text: `
WITH gone AS (
  DELETE FROM ${schema}.jobs WHERE ${HELD} RETURNING *
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, result, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB}, COALESCE($5::pg_catalog.jsonb, progress), 'completed', failure, $4::pg_catalog.jsonb, pg_catalog.statement_timestamp(),
    CASE WHEN $6::pg_catalog.float8 OPERATOR(pg_catalog.=) 'Infinity'::pg_catalog.float8 THEN 'infinity'::pg_catalog.timestamptz
      ELSE pg_catalog.statement_timestamp() OPERATOR(pg_catalog.+)
        pg_catalog.make_interval(secs => COALESCE($6::pg_catalog.float8, 3600000) OPERATOR(pg_catalog./) 1000::pg_catalog.float8) END
  FROM gone WHERE $6::pg_catalog.float8 IS NOT NULL OR watched
)
SELECT pg_catalog.count(*)::int AS finished,
  (pg_catalog.count(pg_catalog.pg_notify(${channels.signals}, id::pg_catalog.text)) FILTER (WHERE watched))::int AS told,
  (SELECT ${schema}.group_leave(g.queue, ARRAY[g.group_key], ARRAY[(g.slot IS NOT NULL)::int]) FROM gone g WHERE g.group_key IS NOT NULL) AS passed
FROM gone`,
});

/**
 * What became of job $1 after a commit without an answer: `held` is 1 while its row is as it was, and `free` is 1 when
 * no transaction has it. Index: jobs_pkey. Concurrency: never waits; a row that is deleted between the two is not free.
 */
export const rowFate = ({ schema }: StatementNames): Statement => ({
  name: 'nq_row_fate',
  text: `
SELECT (SELECT count(*) FROM ${schema}.jobs WHERE ${HELD})::int AS held,
  (SELECT count(*) FROM (SELECT FROM ${schema}.jobs WHERE ${HELD} FOR UPDATE SKIP LOCKED) f)::int AS free`,
});
