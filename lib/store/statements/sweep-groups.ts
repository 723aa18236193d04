import type { Statement, StatementNames } from '../statement.js';

/**
 * Looks through so many ($3) blocked groups of queue $1 behind $2 for those that could run something, by policy $4.
 * Answers the last one that was looked at, or null at the end. Indexes: jobs_blocked_idx, job_groups_pkey.
 */
export const sweepGroups = ({ schema }: StatementNames): Statement => ({
  name: 'nq_sweep_groups',
  text: `SELECT ${schema}.group_sweep($1, $2, $3::int, $4::jsonb) AS last`,
});

/**
 * Slots of queue $1 for process $2, which uses $3 now and wants $4 in all, where all processes together have $5. Answers how many it may use.
 * Concurrency: calls for a queue wait for each other, and for nothing else. Index: job_slots_pkey.
 */
export const takeSlots = ({ schema }: StatementNames): Statement => ({
  name: 'nq_take_slots',
  text: `SELECT ${schema}.slots_take($1, $2::uuid, $3::int, $4::int, $5::int) AS slots`,
});
