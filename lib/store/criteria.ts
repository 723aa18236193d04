import type { JobCriteria } from '../interfaces/job-record.interface.js';

/**
 * Whether a row of a job fits: $1 queue, $2 name, $3 states, $4 payload to contain, $5 options to contain, $6 enqueued from
 * and $7 before, in ms since 1970, $8 group; null is "any".
 */
export const fits = `($1::text IS NULL OR queue = $1) AND ($2::text IS NULL OR name = $2)
  AND ($3::text[] IS NULL OR state = ANY ($3)) AND ($4::jsonb IS NULL OR payload @> $4) AND ($5::jsonb IS NULL OR options @> $5)
  AND ($6::float8 IS NULL OR enqueued_at >= to_timestamp($6 / 1000)) AND ($7::float8 IS NULL OR enqueued_at < to_timestamp($7 / 1000))
  AND ($8::text IS NULL OR group_key = $8)`;

/** Values for `fits`. */
export function criteriaParams({ queue, name, state, payload, tags, group, enqueuedAfter, enqueuedBefore }: JobCriteria): unknown[] {
  return [
    queue ?? null,
    name ?? null,
    state === undefined ? null : [state].flat(),
    payload === undefined ? null : JSON.stringify(payload),
    tags === undefined ? null : JSON.stringify({ tags: [tags].flat() }),
    enqueuedAfter?.getTime() ?? null,
    enqueuedBefore?.getTime() ?? null,
    group ?? null,
  ];
}
