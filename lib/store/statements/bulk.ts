import { fits } from '../criteria.js';
import { fromNow, type Statement, type StatementNames } from '../statement.js';
import { HISTORY_FROM_JOB } from './history-columns.js';
import { leaveGroups } from './leave-groups.js';

// Each changes a batch of jobs, $9, that were found a moment before and must still fit: $1 to $8 the criteria.
//
// Index: jobs_pkey; what is locked is written by its ctid. Concurrency: the criteria are looked at again under the row's lock;
// rows that somebody else has locked are passed over, so that no statement waits for a worker, nor two of these for each other.
// `missed` are those that fitted and were not changed: the caller looks at them again.

/** Locks what still fits, in order of id. */
const picked = (schema: string): string => `picked AS MATERIALIZED (
  SELECT ctid, id, state, queue, group_key, slot FROM ${schema}.jobs WHERE id = ANY ($9::uuid[]) AND ${fits} ORDER BY id FOR UPDATE SKIP LOCKED
)`;

/** The jobs of the snapshot that fit and are not among those that were changed. */
const missed = (schema: string, changed: string): string => `CASE WHEN (SELECT count(*) FROM (${changed}) c) < cardinality($9) THEN (
  SELECT array_to_json(array_agg(id))::text FROM ${schema}.jobs WHERE id = ANY ($9) AND ${fits} AND id NOT IN (${changed})
) END AS missed`;

const ONLY_CHANGED = 'SELECT id FROM changed';
const TO_WRITE = 'ctid = ANY (ARRAY(SELECT ctid FROM picked))';

/**
 * The same for a change of columns that leaves the job in the table. Workers are woken for what may be due within a minute; where
 * `frees`, jobs give up their slots in their groups.
 */
const change = (schema: string, set: string, frees: string): string => `
WITH ${picked(schema)}, changed AS (
  UPDATE ${schema}.jobs SET ${set} WHERE ${TO_WRITE} RETURNING id, queue, due_at
), woken AS MATERIALIZED (
  SELECT count(${schema}.wake_queue(q.queue)) FROM (
    SELECT DISTINCT queue FROM changed WHERE due_at IS NULL OR due_at <= statement_timestamp() + interval '1 minute'
  ) q
), freed AS MATERIALIZED (
  SELECT p.queue, p.group_key, p.slot FROM picked p JOIN changed c ON c.id = p.id WHERE p.group_key IS NOT NULL AND ${frees}
), passed AS MATERIALIZED (
  SELECT ${leaveGroups(schema, 'freed')} AS groups
)
SELECT (SELECT count(*) FROM changed)::int AS changed, 0 AS aborting, ${missed(schema, ONLY_CHANGED)} FROM woken, passed`;

/**
 * Cancels them; those that run are told to end. $10 queues and $11 milliseconds to keep a cancelled job in each, $12 the
 * default of that.
 */
export const cancelJobs = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_cancel_jobs',
  text: `
WITH ${picked(schema)}, gone AS (
  DELETE FROM ${schema}.jobs WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked WHERE state <> 'reserved')) RETURNING *
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB}, progress, 'cancelled', failure, statement_timestamp(), ${fromNow('COALESCE(k.keep_ms, 3600000)')}
  FROM gone g CROSS JOIN LATERAL (
    SELECT CASE WHEN g.queue = ANY ($10::text[]) THEN ($11::float8[])[array_position($10::text[], g.queue)] ELSE $12::float8 END AS keep_ms
  ) k
  WHERE k.keep_ms IS NOT NULL OR g.watched
), asked AS (
  UPDATE ${schema}.jobs SET cancel_requested = true WHERE ctid = ANY (ARRAY(SELECT ctid FROM picked WHERE state = 'reserved')) RETURNING id
), told AS MATERIALIZED (
  SELECT count(pg_notify(${channels.signals}, t.id::text)) FROM (SELECT id FROM gone WHERE watched UNION ALL SELECT id FROM asked) t
), passed AS MATERIALIZED (
  SELECT ${leaveGroups(schema, 'gone')} AS groups
)
SELECT (SELECT count(*) FROM gone)::int AS changed, (SELECT count(*) FROM asked)::int AS aborting,
  ${missed(schema, 'SELECT id FROM gone UNION ALL SELECT id FROM asked')} FROM told, passed`,
});

/** Keeps them from being reserved until they are released. */
export const holdJobs = ({ schema }: StatementNames): Statement => ({ name: 'nq_hold_jobs', text: change(schema, `due_at = 'infinity', blocked = false, slot = NULL`, 'true') });

/** Lets them wait for their due times again, which may be over. */
export const releaseJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_release_jobs',
  text: change(schema, 'due_at = CASE WHEN COALESCE(retry_at, run_at) > statement_timestamp() THEN COALESCE(retry_at, run_at) END', 'false'),
});

/** Changes $10 their priority, and $11 the delay in ms from now or $12 the due time in ms since 1970; null is "as it is". */
export const updateJobs = ({ schema }: StatementNames): Statement => {
  const due = `CASE WHEN $12::float8 IS NOT NULL THEN to_timestamp($12 / 1000) ELSE statement_timestamp() + make_interval(secs => $11::float8 / 1000) END`;
  return {
    name: 'nq_update_jobs',
    text: change(
      schema,
      `priority = COALESCE($10::int, priority)::smallint, run_at = COALESCE(${due}, run_at), retry_at = CASE WHEN ${due} IS NULL THEN retry_at END,
    blocked = false, slot = CASE WHEN ${due} IS NULL THEN slot END,
    due_at = CASE WHEN due_at = 'infinity' AND NOT blocked THEN due_at WHEN ${due} IS NULL THEN CASE WHEN NOT blocked THEN due_at END
      WHEN ${due} > statement_timestamp() THEN ${due} END`,
      '($11::float8 IS NOT NULL OR $12::float8 IS NOT NULL)',
    ),
  };
};

/** Moves them to queue $10, where their attempts count from zero and no retry's delay is left. */
export const moveJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_move_jobs',
  text: change(
    schema,
    `queue = $10, attempt = 0, failure_state = NULL, retry_at = NULL, blocked = false, slot = NULL,
    due_at = CASE WHEN due_at = 'infinity' AND NOT blocked THEN due_at WHEN run_at > statement_timestamp() THEN run_at END`,
    'true',
  ),
});

/**
 * Takes finished jobs out of the history and makes them available again, with attempts and crashes from zero. Indexes:
 * job_history_pkey, jobs_pkey. Two at once delete in the same order, and what one has deleted the other does not find.
 */
export const retryJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_retry_jobs',
  text: `
WITH old AS (
  DELETE FROM ${schema}.job_history WHERE id = ANY ($9::uuid[]) AND ${fits} RETURNING *
), back AS (
  INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, enqueued_at, reservation, options, failure, group_key, notify)
  SELECT id, queue, name, payload, priority, enqueued_at, reservation, options, failure, group_key,
    row_number() OVER (PARTITION BY queue ORDER BY id) = 1
  FROM old
  ON CONFLICT (id) DO NOTHING RETURNING id
)
SELECT (SELECT count(*) FROM back)::int AS changed, 0 AS aborting, NULL AS missed`,
});
