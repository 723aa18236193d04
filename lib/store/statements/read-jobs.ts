import { fits } from '../criteria.js';
import { epochMs, type Statement, type StatementNames } from '../statement.js';

const COLUMNS = `id::text AS id, queue, name, payload::text AS payload, state, priority, attempt, crashes,
  reserved_by::text AS reserved_by, ${epochMs('run_at')} AS run_at, ${epochMs('reserved_at')} AS reserved_at,
  ${epochMs('enqueued_at')} AS enqueued_at, ${epochMs('finished_at')} AS finished_at,
  progress::text AS progress, result::text AS result, failure::text AS failure, (options -> 'tags')::text AS tags,
  CASE WHEN ascii(group_key) > 1 THEN group_key END AS group_key`;

/** Job $1, live or finished. Indexes: jobs_pkey, and job_history_pkey in each partition. */
export const getJob = ({ schema }: StatementNames): Statement => ({
  name: 'nq_get_job',
  text: `SELECT ${COLUMNS} FROM ${schema}.all_jobs WHERE id = $1::uuid`,
});

/**
 * A page of jobs in order of id, live and finished: $1 to $8 the criteria, $9 id to go on after, $10 limit; null is "any".
 * Runs unprepared, so that each call is planned for the criteria it has.
 */
export const findJobs = ({ schema }: StatementNames, order: 'oldest' | 'newest'): Statement => ({
  name: '',
  text: `
SELECT ${COLUMNS} FROM ${schema}.all_jobs
WHERE ${fits} AND ($9::uuid IS NULL OR id ${order === 'oldest' ? '>' : '<'} $9)
ORDER BY all_jobs.id ${order === 'oldest' ? 'ASC' : 'DESC'} LIMIT $10`,
});

/** Live jobs counted by queue and state, with the age of the oldest due one: reads the live table once. */
export const countJobs = ({ schema }: StatementNames): Statement => ({
  name: 'nq_count_jobs',
  text: `
SELECT queue, count(*)::int AS count,
  (count(*) FILTER (WHERE state = 'scheduled'))::int AS scheduled,
  (count(*) FILTER (WHERE state = 'available'))::int AS available,
  (count(*) FILTER (WHERE state = 'reserved'))::int AS reserved,
  (count(*) FILTER (WHERE state = 'held'))::int AS held,
  (count(*) FILTER (WHERE state = 'blocked'))::int AS blocked,
  (extract(epoch FROM statement_timestamp() - min(COALESCE(retry_at, run_at)) FILTER (
    WHERE state IN ('available', 'scheduled') AND COALESCE(retry_at, run_at) <= statement_timestamp()
  )) * 1000)::float8 AS oldest_due_ms
FROM ${schema}.jobs WHERE $1::text IS NULL OR queue = $1 GROUP BY queue ORDER BY queue`,
});

/** The processes, and what each holds by queue: reads the live table once. */
export const listInstances = ({ schema }: StatementNames): Statement => ({
  name: 'nq_list_instances',
  text: `
SELECT i.id::text AS id, i.host, i.pid, i.version, array_to_json(i.queues)::text AS queues,
  ${epochMs('i.started_at')} AS started_at, ${epochMs('i.heartbeat_at')} AS heartbeat_at,
  (i.expires_at > clock_timestamp())::int AS alive,
  r.running::text AS running
FROM ${schema}.job_instances i LEFT JOIN (
  SELECT h.reserved_by, json_object_agg(h.queue, h.jobs) AS running FROM (
    SELECT reserved_by, queue, count(*) AS jobs FROM ${schema}.jobs WHERE reserved_by IS NOT NULL GROUP BY reserved_by, queue
  ) h GROUP BY h.reserved_by
) r ON r.reserved_by = i.id
ORDER BY i.started_at, i.id`,
});
