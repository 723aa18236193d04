import type { Follower, History, Violation } from './history.js';

/**
 * I10: what a process is shown of a config row was committed, the revisions of a key rise as it sees them, and in the
 * end it has what the table has.
 */
export function* configsFollowed({ configs, followers }: Pick<History, 'configs' | 'followers'>): Generator<Violation> {
  const committed = new Map<string, string>();
  const table = new Map<string, string>();
  for (const { before, after } of configs) {
    if (before) table.delete(before.key);
    if (!after) continue;
    table.set(after.key, after.value);
    committed.set(`${after.key} ${after.revision}`, after.value);
  }
  for (const follower of followers) {
    const violated = (text: string): Violation => ({ invariant: 'I10', text: `process ${follower.pid} ${text}` });
    const revisions = new Map<string, number>();
    for (const { key, value, revision } of follower.changes) {
      if (revision === undefined) continue;
      const last = revisions.get(key) ?? 0;
      if (revision <= last) yield violated(`was shown revision ${revision} of '${key}' after ${last}`);
      revisions.set(key, revision);
      if (committed.get(`${key} ${revision}`) !== value) yield violated(`was shown '${value}' of '${key}', which was never committed as revision ${revision}`);
    }
    if (!follower.toTheEnd) continue;
    const shown = lastShown(follower);
    for (const key of new Set([...shown.keys(), ...table.keys()])) {
      if (shown.get(key) !== table.get(key)) yield violated(`ends with '${shown.get(key)}' for '${key}', the table with '${table.get(key)}'`);
    }
  }
}

/** What a process has of the configuration by what it was shown. */
export function lastShown({ first, changes }: Pick<Follower, 'first' | 'changes'>): Map<string, string> {
  const values = new Map(Object.entries(first));
  for (const { key, value } of changes) {
    if (value === undefined) values.delete(key);
    else values.set(key, value);
  }
  return values;
}
