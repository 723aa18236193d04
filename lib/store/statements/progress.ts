import type { Statement, StatementNames } from '../statement.js';

/**
 * Stores the progress of running jobs. As arrays: $1 ids, $2 reservations, $3 values; $4 the process that holds them.
 * Index: jobs_pkey; no indexed column changes, so the update stays on its page. Only the holder
 * writes. Watchers of a job are told by its id.
 */
export const progress = ({ schema, channels }: StatementNames): Statement => ({
  name: 'nq_progress',
  text: `
WITH input AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS i (id, reservation, progress)
), held AS MATERIALIZED (
  SELECT j.ctid, j.id, i.progress FROM ${schema}.jobs j JOIN input i ON i.id = j.id
  WHERE j.id = ANY ($1::uuid[]) AND j.reservation = i.reservation AND j.reserved_by = $4::uuid
  ORDER BY j.id FOR UPDATE OF j
), written AS (
  UPDATE ${schema}.jobs j SET progress = h.progress::jsonb FROM held h
  WHERE j.id = ANY (ARRAY(SELECT id FROM held)) AND j.id = h.id
  RETURNING j.id, j.watched
)
SELECT count(pg_notify(${channels.signals}, id::text))::int AS told FROM written WHERE watched`,
});
