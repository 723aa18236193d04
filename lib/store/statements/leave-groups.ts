/**
 * Gives up the slots of grouped jobs, `from` rows that have `queue`, `group_key` and `slot` as they were, and lets the next
 * ones of their groups take them, once the CTE `once` has changed what it changes. Also for jobs that hold none: others may be blocked behind one that would have run next.
 */
export function leaveGroups(schema: string, from: string, once = from): string {
  return `(SELECT count(${schema}.group_leave(l.queue, l.keys, l.slots)) FROM (
    SELECT queue, array_agg(group_key) AS keys, array_agg((slot IS NOT NULL)::int) AS slots FROM ${from}
    WHERE group_key IS NOT NULL AND (SELECT count(*) FROM ${once}) >= 0 GROUP BY queue ORDER BY queue
  ) l)`;
}
