import { fits } from '../criteria.js';
import type { Statement, StatementNames } from '../statement.js';

/** So many rows are looked at, however few of them fit: some 20 ms. */
const ROWS = 10_000;

/**
 * The next jobs that fit, in order of id: $1 to $8 the criteria, $9 id to go on after, $10 how many, $11 jobs enqueued later
 * are passed over; null is now. `upto` is the last id that was looked at where fewer were found; null at the end of the table.
 *
 * Index: jobs_pkey, or job_history_pkey in each partition, walked in order: where the planner may sort, it reads all that is left
 * of the table. Reads only, and no more than so many rows: what a search for few among many millions takes is a matter of
 * how many statements, not of how long one runs.
 */
export const pickJobs = ({ schema }: StatementNames, table: 'jobs' | 'job_history'): Statement => ({
  name: '',
  planning: ['enable_sort = off', 'enable_bitmapscan = off'],
  text: `
WITH began AS MATERIALIZED (SELECT COALESCE($11::timestamptz, statement_timestamp()) AS at), found AS MATERIALIZED (
  SELECT id FROM (
    SELECT id, queue, name, state, payload, options, group_key, enqueued_at FROM ${schema}.${table} WHERE id > $9::uuid ORDER BY id LIMIT ${ROWS}
  ) looked_at
  WHERE enqueued_at <= (SELECT at FROM began) AND ${fits}
  ORDER BY id LIMIT $10
)
SELECT began.at::text AS began, array_to_json(ARRAY(SELECT id FROM found))::text AS ids,
  CASE WHEN (SELECT count(*) FROM found) < $10 THEN (
    SELECT id FROM ${schema}.${table} WHERE id > $9 ORDER BY id OFFSET ${ROWS - 1} LIMIT 1
  ) END::text AS upto
FROM began`,
});
