import { fromNow, type Statement, type StatementNames } from '../statement.js';
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
  ) t)::int AS told`,
});

/**
 * Moves waiting job $1 to queue $2, where its attempts count from zero and no retry's delay is left.
 * One statement, so it runs once. Index: jobs_pkey; the state is rechecked under the row's lock.
 */
export const moveJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_move_job',
  text: `
WITH moved AS (
  UPDATE ${schema}.jobs SET queue = $2, attempt = 0, failure_state = NULL, retry_at = NULL,
    due_at = CASE WHEN run_at > statement_timestamp() THEN run_at END
  WHERE id = $1::uuid AND state <> 'reserved' RETURNING queue
)
SELECT (SELECT count(*) FROM moved)::int AS moved,
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
  INSERT INTO ${schema}.jobs (id, queue, name, payload, priority, enqueued_at, reservation, options, failure)
  SELECT id, queue, name, payload, priority, enqueued_at, reservation, options, failure FROM old
  ON CONFLICT (id) DO NOTHING RETURNING id
)
SELECT (SELECT count(*) FROM back)::int AS retried,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS live`,
});

/**
 * Marks live job $1 so that its changes are notified. Index: jobs_pkey; an update that stays on its
 * page. A reserve that came by meanwhile has skipped the locked row, so workers are sent to look again.
 */
export const watchJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_watch_job',
  text: `
WITH marked AS (
  UPDATE ${schema}.jobs SET watched = true WHERE id = $1::uuid AND NOT watched RETURNING queue, state
)
SELECT (SELECT count(${schema}.wake_queue(queue)) FROM marked WHERE state = 'available')::int AS woken,
  (SELECT count(*) FROM ${schema}.jobs WHERE id = $1::uuid)::int AS live`,
});
