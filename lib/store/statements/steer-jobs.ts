import { fromNow, type Statement, type StatementNames } from '../statement.js';
import { leaveGroups } from './leave-groups.js';
import { HISTORY_FROM_JOB } from './history-columns.js';

/**
 * Cancels job $1 if it waits; if it runs and $2 is 1, asks its process to abort it. $3 queues and $4
 * milliseconds to keep a cancelled job in each, $5 the default of that.
 *
 * Index: jobs_pkey. Concurrency: both writes recheck the state under the row's lock; when a reserve
 * came between the two, neither happens and `asked` tells the caller to call again.
 */
export const cancelJob = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_cancel_job',
  text: `
WITH gone AS (
  DELETE FROM ${schema}.jobs WHERE id = $1::uuid AND state <> 'reserved' RETURNING *
), kept AS (
  INSERT INTO ${schema}.job_history (${HISTORY_FROM_JOB}, progress, state, failure, finished_at, keep_until)
  SELECT ${HISTORY_FROM_JOB}, progress, 'cancelled', failure, statement_timestamp(), ${fromNow('COALESCE(k.keep_ms, 3600000)')}
  FROM gone g CROSS JOIN LATERAL (
    SELECT CASE WHEN g.queue = ANY ($3::text[]) THEN ($4::float8[])[array_position($3::text[], g.queue)]
      ELSE $5::float8 END AS keep_ms
  ) k
  WHERE k.keep_ms IS NOT NULL OR g.watched
), asked AS (
  UPDATE ${schema}.jobs SET cancel_requested = true WHERE id = $1::uuid AND state = 'reserved' AND $2::int = 1
  RETURNING id
)
SELECT (SELECT count(*) FROM gone)::int AS gone, (SELECT count(*) FROM asked)::int AS asked,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS found,
  (SELECT count(pg_notify(${channels.signals}, t.id::text)) FROM (
    SELECT id FROM gone WHERE watched UNION ALL SELECT id FROM asked
  ) t)::int AS told, ${leaveGroups(schema, 'gone')}::int AS passed`,
});

/**
 * Moves waiting job $1 to queue $2, where its attempts count from zero and no retry's delay is left.
 * One statement, so it runs once. Index: jobs_pkey; the state is rechecked under the row's lock.
 */
export const moveJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_move_job',
  text: `
WITH old AS MATERIALIZED (
  SELECT id, queue, group_key, slot FROM ${schema}.jobs WHERE id = $1::uuid AND state <> 'reserved' FOR UPDATE
), moved AS (
  UPDATE ${schema}.jobs j SET queue = $2, attempt = 0, failure_state = NULL, retry_at = NULL, blocked = false, slot = NULL,
    due_at = CASE WHEN due_at = 'infinity' AND NOT blocked THEN due_at WHEN run_at > statement_timestamp() THEN run_at END
  WHERE j.id = $1::uuid AND j.state <> 'reserved' AND EXISTS (SELECT FROM old) RETURNING j.queue
)
SELECT ${leaveGroups(schema, 'old', 'moved')}::int AS passed, (SELECT count(*) FROM moved)::int AS moved,
  (SELECT count(${schema}.wake_queue(queue)) FROM moved)::int AS woken,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS found`,
});

/**
 * Takes finished job $1 out of the history and makes it available again, with attempts and crashes
 * from zero; its reservation number goes on, so that no old run can settle it. Indexes:
 * job_history_pkey, jobs_pkey. Of two calls at once, one finds the row gone.
 */
export const retryJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_retry_job',
  text: `
WITH old AS (
  DELETE FROM ${schema}.job_history WHERE id = $1::uuid RETURNING *
), back AS (
  INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, enqueued_at, reservation, options, failure, group_key)
  SELECT id, queue, name, payload, priority, enqueued_at, reservation, options, failure, group_key FROM old
  ON CONFLICT (id) DO NOTHING RETURNING id
)
SELECT (SELECT count(*) FROM back)::int AS retried,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS live`,
});

/**
 * Marks live job $1 so that its changes are notified. Index: jobs_pkey; an update that stays on its
 * page. A reserve that came by meanwhile has skipped the locked row, and so has a slot of a group that came free, so workers are sent
 * to look again.
 */
export const watchJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_watch_job',
  text: `
WITH marked AS (
  UPDATE ${schema}.jobs SET watched = true, blocked = false, due_at = CASE WHEN NOT blocked THEN due_at END
  WHERE id = $1::uuid AND NOT watched RETURNING queue, state
)
SELECT (SELECT count(${schema}.wake_queue(queue)) FROM marked WHERE state = 'available')::int AS woken,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS live`,
});

/**
 * Changes waiting job $1; null is "as it is": $2 payload, $3 version of that payload, $4 priority, $5 delay in ms from
 * now or $6 due time in ms since 1970, which also ends a retry's delay. One that is held stays held. Index: jobs_pkey; the
 * state is rechecked under the row's lock. Workers are woken for what may be due within a minute, as its place may now be another one.
 */
export const updateJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_update_job',
  text: `
WITH due AS (
  SELECT CASE WHEN $6::float8 IS NOT NULL THEN to_timestamp($6 / 1000)
    ELSE statement_timestamp() + make_interval(secs => $5::float8 / 1000) END AS at
), old AS MATERIALIZED (
  SELECT id, queue, group_key, slot FROM ${schema}.jobs WHERE id = $1::uuid AND state <> 'reserved' FOR UPDATE
), changed AS (
  UPDATE ${schema}.jobs j SET payload = COALESCE($2::jsonb, payload), priority = COALESCE($4::int, priority)::smallint,
    options = CASE WHEN $3::int IS NULL THEN options ELSE COALESCE(options, '{}') || jsonb_build_object('payloadVersion', $3::int) END,
    run_at = COALESCE(due.at, run_at), retry_at = CASE WHEN due.at IS NULL THEN retry_at END,
    blocked = false, slot = CASE WHEN due.at IS NULL THEN slot END,
    due_at = CASE WHEN due_at = 'infinity' AND NOT blocked THEN due_at WHEN due.at IS NULL THEN CASE WHEN NOT blocked THEN due_at END
      WHEN due.at > statement_timestamp() THEN due.at END
  FROM due WHERE j.id = $1::uuid AND j.state <> 'reserved' AND EXISTS (SELECT FROM old) RETURNING j.queue, j.due_at
), freed AS (
  SELECT old.* FROM old, due WHERE due.at IS NOT NULL
)
SELECT ${leaveGroups(schema, 'freed', 'changed')}::int AS passed, (SELECT count(*) FROM changed)::int AS changed,
  (SELECT count(${schema}.wake_queue(queue)) FROM changed WHERE due_at IS NULL OR due_at <= statement_timestamp() + interval '1 minute')::int AS woken,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS found`,
});

/** Keeps waiting job $1 from being reserved until it is released. Index: jobs_pkey; the state is rechecked under the row's lock. */
export const holdJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_hold_job',
  text: `
WITH old AS MATERIALIZED (
  SELECT id, queue, group_key, slot FROM ${schema}.jobs WHERE id = $1::uuid AND state <> 'reserved' FOR UPDATE
), held AS (
  UPDATE ${schema}.jobs SET due_at = 'infinity', blocked = false, slot = NULL 
  WHERE id = $1::uuid AND state <> 'reserved' AND EXISTS (SELECT FROM old) RETURNING id
)
SELECT ${leaveGroups(schema, 'old', 'held')}::int AS passed, (SELECT count(*) FROM held)::int AS changed, (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS found`,
});

/** Lets held job $1 wait for its due time again, which may be over. One that is not held is left alone. Index: jobs_pkey. */
export const releaseJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_release_job',
  text: `
WITH released AS (
  UPDATE ${schema}.jobs SET due_at = CASE WHEN COALESCE(retry_at, run_at) > statement_timestamp() THEN COALESCE(retry_at, run_at) END
  WHERE id = $1::uuid AND state = 'held' RETURNING queue, due_at
)
SELECT (SELECT count(*) FROM released)::int AS changed,
  (SELECT count(${schema}.wake_queue(queue)) FROM released WHERE due_at IS NULL OR due_at <= statement_timestamp() + interval '1 minute')::int AS woken,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid AND state <> 'reserved')::int AS waits,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS found`,
});
