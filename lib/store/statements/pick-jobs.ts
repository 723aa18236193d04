import { fits } from '../criteria.js';
import type { Statement, StatementNames } from '../statement.js';

/** So many rows are looked at, however few of them fit: about 10 ms. */
const ROWS = 10_000;

/**
 * The next jobs that fit, in order of id: $1 to $7 the criteria, $8 id to go on after, $9 how many, $10 jobs enqueued later
 * are passed over; null is now. `upto` is the last id that was looked at; null at the end of the table.
 *
 * Index: jobs_pkey, or job_history_pkey in each partition. Reads only, and no more than so many rows: what a search for
 * few among many millions takes is a matter of how many statements, not of how long one runs.
 */
export const pickJobs = ({ schema }: StatementNames, table: 'jobs' | 'job_history'): Statement => ({
  name: `nq_pick_${table}`,
  text: `
WITH walk AS MATERIALIZED (
  SELECT COALESCE($10::timestamptz, statement_timestamp()) AS began,
    (SELECT id FROM ${schema}.${table} WHERE id > $8::uuid ORDER BY id OFFSET ${ROWS - 1} LIMIT 1) AS upto
)
SELECT began::text AS began, upto::text AS upto, array_to_json(ARRAY(
  SELECT id FROM ${schema}.${table}
  WHERE id > $8::uuid AND id <= COALESCE((SELECT upto FROM walk), 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    AND enqueued_at <= (SELECT began FROM walk) AND ${fits}
  ORDER BY id LIMIT $9
))::text AS ids
FROM walk`,
});
