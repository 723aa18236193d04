import { FINAL_STATES, TRANSITIONS } from '../../../lib/core/states.js';
import { configsFollowed } from './check-configs.js';
import type { Change, History, InstanceRow, JobRow, Violation } from './history.js';

/** Clocks of one machine are read at different moments: differences below this mean nothing. */
const CLOCK_SLACK_MS = 200;
/** A lease may be granted this much longer or shorter than asked, while the statement travels. */
const LEASE_SLACK_MS = 1_000;

const MAX_RENEWAL_GAP_MS = 1_000;

/** Checks a history against the invariants. Empty when all of them held. */
export function check(history: History): Violation[] {
  return [
    ...everyCallKept(history),
    ...oneCompletion(history),
    ...reservationsRise(history),
    ...onlyAllowedEdges(history),
    ...attemptsCounted(history),
    ...noLeaseBroken(history),
    ...leasesByTheDatabasesClock(history),
    ...rescuedInTime(history),
    ...oneRowAJob(history),
    ...oneRunAGroup(history),
    ...configsFollowed(history),
  ];
}

/** I1: what was acknowledged is finished or waits; what was rolled back left nothing. */
function* everyCallKept({ calls, live, finished }: History): Generator<Violation> {
  const inserts = countBy(live.filter(({ before }) => before === null), ({ after }) => after!.id);
  const waiting = new Set<string>();
  for (const { before, after } of live) {
    if (after) waiting.add(after.id);
    else waiting.delete(before!.id);
  }
  const ended = new Set(finished.flatMap(({ after }) => after?.id ?? []));
  for (const { id, outcome } of calls) {
    const stored = inserts.get(id) ?? 0;
    const violated = (text: string): Violation => ({ invariant: 'I1', jobId: id, text: `${outcome}, but ${text}` });
    if (outcome === 'stored' && stored === 0) yield violated('it was never stored');
    if (outcome === 'stored' && stored > 0 && !ended.has(id) && !waiting.has(id)) yield violated('it is gone without an outcome');
    if ((outcome === 'rolled back' || outcome === 'refused') && stored > 0) yield violated('it was stored');
    if (outcome === 'unknown' && stored > 1) yield violated(`it was stored ${stored} times`);
  }
}

/** I2: at most one completion a job, made by the run that held it. */
function* oneCompletion({ finished, live, instances, runs }: History): Generator<Violation> {
  const byRun = new Map(runs.map((run) => [run.run, run]));
  const pids = new Map(instances.flatMap(({ after }) => (after ? [[after.id, after.pid] as const] : [])));
  const reservedAt = new Map<string, number>();
  const holder = new Map<string, string | null>();
  const completions = new Map<string, number>();
  for (const { at, before, after, kind } of merged(live, finished)) {
    const row = (after ?? before)!;
    const violated = (text: string): Violation => ({ invariant: 'I2', jobId: row.id, text });
    if (kind === 'live') {
      if (after?.state === 'reserved' && before?.state !== 'reserved') reservedAt.set(row.id, at);
      if (!after) holder.set(row.id, before!.reserved_by);
      continue;
    }
    // Somebody runs it again.
    if (!after) completions.delete(row.id);
    if (after?.state !== 'completed') continue;
    const times = (completions.get(row.id) ?? 0) + 1;
    completions.set(row.id, times);
    if (times > 1) yield violated(`it was completed ${times} times`);
    const run = byRun.get((after.result as { run?: string } | null)?.run ?? '');
    if (!run) continue;
    if (run.jobId !== row.id) yield violated('its result is that of another job');
    const pid = pids.get(holder.get(row.id) ?? after.reserved_by ?? '');
    if (pid !== undefined && pid !== run.pid) yield violated(`process ${run.pid} completed it while process ${pid} held it`);
    if (run.startedAt < (reservedAt.get(row.id) ?? 0) - CLOCK_SLACK_MS) {
      yield violated('a run from before its last reservation completed it');
    }
  }
}

/** I3: the reservation number only rises, by one at each reservation, and by nothing else. */
function* reservationsRise({ live }: History): Generator<Violation> {
  for (const { before, after } of live) {
    if (!before || !after) continue;
    const taken = after.reserved_by !== null && after.reserved_by !== before.reserved_by;
    const expected = before.reservation + (taken ? 1 : 0);
    if (after.reservation === expected) continue;
    yield {
      invariant: 'I3',
      jobId: after.id,
      text: `its reservation went from ${before.reservation} to ${after.reservation} when it ${taken ? 'was reserved' : `became ${after.state}`}`,
    };
  }
}

/** I4: only the edges of the state diagram occur. */
function* onlyAllowedEdges({ live, finished }: History): Generator<Violation> {
  const allowed = new Set(TRANSITIONS.map(([from, to]) => `${from} ${to}`));
  const left = new Map<string, JobRow>();
  const edge = (from: string | null, row: JobRow): Violation[] =>
    allowed.has(`${from} ${row.state}`)
      ? []
      : [{ invariant: 'I4', jobId: row.id, text: `it went from ${from ?? 'nothing'} to ${row.state}` }];
  const final = new Set<string>(FINAL_STATES);
  for (const { before, after, kind } of merged(live, finished)) {
    if (kind === 'live' && before && !after) left.set(before.id, before);
    if (!after) continue;
    if (kind === 'live' && before && before.state !== after.state) yield* edge(before.state, after);
    // A job that is handed over is stored as reserved by the process that enqueued it.
    if (kind === 'live' && !before && after.state === 'reserved') continue;
    if (kind === 'live' && !before && !final.has(after.state)) yield* edge(null, after);
    if (kind === 'finished' && left.has(after.id)) yield* edge(left.get(after.id)!.state, after);
    if (before && after.reserved_by && before.reserved_by && before.reserved_by !== after.reserved_by) {
      yield { invariant: 'I4', jobId: after.id, text: 'it was reserved while another process held it' };
    }
  }
}

/** I5: a reservation counts its attempt at once, and no job gets more than it may have. */
function* attemptsCounted({ live, allowedAttempts }: History): Generator<Violation> {
  for (const { before, after } of live) {
    if (after?.state !== 'reserved' || before?.state === 'reserved') continue;
    const expected = (before?.attempt ?? 0) + 1;
    if (after.attempt !== expected) {
      yield { invariant: 'I5', jobId: after.id, text: `reserved with attempt ${after.attempt} instead of ${expected}` };
    }
    const allowed = allowedAttempts(after.name);
    if (after.attempt > allowed) yield { invariant: 'I5', jobId: after.id, text: `attempt ${after.attempt} of ${allowed}` };
  }
}

/** I6: nobody takes a job from a process whose lease runs by the database's clock. */
function* noLeaseBroken({ live, instances }: History): Generator<Violation> {
  const leases = new Map<string, number>();
  for (const change of merged(live, instances)) {
    if (change.kind === 'finished') {
      const { before, after } = change as unknown as Change<InstanceRow>;
      if (after) leases.set(after.id, after.expires_ms);
      else leases.delete(before!.id);
      continue;
    }
    const { at, before, after } = change;
    if (before?.state !== 'reserved' || !after || after.crashes <= before.crashes) continue;
    const expiresMs = leases.get(before.reserved_by!);
    if (expiresMs !== undefined && expiresMs > at + CLOCK_SLACK_MS) {
      yield { invariant: 'I6', jobId: after.id, text: `taken from process ${before.reserved_by} ${Math.round(expiresMs - at)} ms before its lease ended` };
    }
  }
}

/** I6: a lease is granted from the database's clock on, whatever the application's clock shows. */
function* leasesByTheDatabasesClock({ instances, leasesMs }: History): Generator<Violation> {
  for (const { at, before, after } of instances) {
    if (!after || after.expires_ms === before?.expires_ms || after.expires_ms <= at) continue;
    const grantedMs = after.expires_ms - at;
    if (leasesMs.some((leaseMs) => Math.abs(grantedMs - leaseMs) <= LEASE_SLACK_MS)) continue;
    yield { invariant: 'I6', text: `process ${after.id} got a lease of ${Math.round(grantedMs)} ms instead of ${leasesMs.join(' or ')}` };
  }
}

/** I7: a job of a process whose lease has ended goes back in time, as long as another process is awake. */
function* rescuedInTime({ live, instances, rescueMs }: History): Generator<Violation> {
  const leases = new Map<string, number>();
  const renewals = instances.flatMap(({ at, after }) => (after ? [{ at, id: after.id }] : []));
  for (const { kind, at, before, after } of merged(live, instances)) {
    if (kind === 'finished') {
      if (after) leases.set(after.id, (after as unknown as InstanceRow).expires_ms);
      continue;
    }
    if (!before?.reserved_by || !after || after.crashes <= before.crashes) continue;
    const endedAt = leases.get(before.reserved_by) ?? at;
    const others = renewals.filter((it) => it.at > endedAt && it.at < at && it.id !== before.reserved_by);
    const awakeMs = others.slice(1).reduce((sum, it, i) => sum + awake(it.at - others[i]!.at), 0);
    if (awakeMs > rescueMs) {
      yield { invariant: 'I7', jobId: after.id, text: `rescued ${Math.round(at - endedAt)} ms after the lease of its process had ended` };
    }
  }
}

/** I8: at every commit a job is one row at most, live or in the history. */
function* oneRowAJob({ live, finished }: History): Generator<Violation> {
  const rows = new Map<string, { count: number; transaction: string }>();
  const violated = (jobId: string, count: number): Violation => ({ invariant: 'I8', jobId, text: `there were ${count} rows of it` });
  for (const { transaction, before, after } of merged(live, finished)) {
    const { id } = (after ?? before)!;
    const row = rows.get(id) ?? { count: 0, transaction };
    if (row.transaction !== transaction && row.count > 1) yield violated(id, row.count);
    rows.set(id, { transaction, count: row.count + (after ? 1 : 0) - (before ? 1 : 0) });
  }
  for (const [id, { count }] of rows) if (count > 1) yield violated(id, count);
}

/** I9: of a group, whose limit is one, one job at most is reserved. */
function* oneRunAGroup({ live }: History): Generator<Violation> {
  const running = new Map<string, string>();
  for (const { before, after } of live) {
    const { id, queue, group_key: key } = (after ?? before)!;
    if (!key) continue;
    const group = `${queue} ${key}`;
    if (after?.state !== 'reserved') {
      if (running.get(group) === id) running.delete(group);
      continue;
    }
    const other = running.get(group);
    if (other !== undefined && other !== id) yield { invariant: 'I9', jobId: id, text: `it was reserved while ${other} of its group was` };
    running.set(group, id);
  }
}

/** A process renews its lease every third of it; who does not is stopped or cut off. */
const awake = (gapMs: number): number => (gapMs < MAX_RENEWAL_GAP_MS ? gapMs : 0);

type Merged = Change & { readonly kind: 'live' | 'finished' };

/** Two logs in the order in which things happened. */
function merged(live: readonly Change[], other: ReadonlyArray<Change | Change<InstanceRow>>): Merged[] {
  return [
    ...live.map((change) => ({ ...change, kind: 'live' as const })),
    ...other.map((change) => ({ ...(change as Change), kind: 'finished' as const })),
  ].sort((a, b) => a.seq - b.seq);
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
