import type { Statement, StatementNames } from '../statement.js';

/** Adds process $1 (host $2, pid $3, version $4, queues $5, lease $6 ms) in the place of identity $7. Index: job_instances_pkey. */
export const register = ({ schema }: StatementNames): Statement => ({
  name: 'nq_register',
  text: `
WITH former AS (UPDATE ${schema}.job_instances SET expires_at = clock_timestamp() WHERE id = $7::uuid AND expires_at > clock_timestamp())
INSERT INTO ${schema}.job_instances (id, host, pid, version, queues, started_at, heartbeat_at, expires_at)
VALUES ($1::uuid, $2, $3::int, $4, $5::text[], clock_timestamp(), clock_timestamp(),
  clock_timestamp() + make_interval(secs => $6::float8 / 1000))
ON CONFLICT (id) DO UPDATE SET heartbeat_at = excluded.heartbeat_at, expires_at = excluded.expires_at`,
});

/**
 * Renews the lease of process $1 by $2 ms. A lease that ran out is never renewed: others may be
 * taking its jobs at this moment. Index: job_instances_pkey.
 */
export const renew = ({ schema }: StatementNames): Statement => ({
  name: 'nq_renew',
  text: `
UPDATE ${schema}.job_instances
SET heartbeat_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => $2::float8 / 1000)
WHERE id = $1::uuid AND expires_at > clock_timestamp() RETURNING 1 AS renewed`,
});

/** Removes process $1, which holds nothing any more. Index: job_instances_pkey. */
export const unregister = ({ schema }: StatementNames): Statement => ({
  name: 'nq_unregister',
  text: `DELETE FROM ${schema}.job_instances WHERE id = $1::uuid`,
});

/** Ends the lease of process $1, so that others look for the jobs that it may still hold. Index: job_instances_pkey. */
export const expire = ({ schema }: StatementNames): Statement => ({
  name: 'nq_expire',
  text: `UPDATE ${schema}.job_instances SET expires_at = clock_timestamp() WHERE id = $1::uuid AND expires_at > clock_timestamp()`,
});
