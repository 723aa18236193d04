/** Columns that a finished job brings along from `jobs` as they are. */
export const HISTORY_FROM_JOB =
  'id, queue, name, payload, priority, run_at, enqueued_at, reserved_at, reserved_by, reservation, attempt, crashes, options, group_key';
