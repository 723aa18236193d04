import { describe, expect, it } from 'vitest';
import { check } from '../../faults/history/check.js';
import type { Change, ConfigRow, Follower, History, InstanceRow, JobRow } from '../../faults/history/history.js';

const LEASE_MS = 1_500;
/** Two processes, by their instance ids. */
const PIDS = { a: 1, b: 2 } as const;
type Holder = keyof typeof PIDS;

/** Writes down a history by hand: one job of one database, in the order of the calls. */
class Story {
  private seq = 0;
  private at = 0;
  private transactions = 0;
  private row: JobRow | null = null;
  readonly history = {
    live: [] as Change[],
    finished: [] as Change[],
    instances: [] as Array<Change<InstanceRow>>,
    configs: [] as Array<Change<ConfigRow>>,
    followers: [] as Follower[],
    calls: [] as Array<History['calls'][number]>,
    runs: [] as Array<History['runs'][number]>,
    leasesMs: [LEASE_MS],
    rescueMs: 1_000,
    allowedAttempts: () => 2,
  } satisfies History;

  /** Time goes by. */
  after(ms: number): this {
    this.at += ms;
    return this;
  }

  told(outcome: History['calls'][number]['outcome']): this {
    this.history.calls.push({ id: 'job', outcome });
    return this;
  }

  enqueued(): this {
    const row: JobRow = { id: 'job', name: 'work', state: 'available', attempt: 0, crashes: 0, reservation: 0, reserved_by: null };
    return this.writes(null, row);
  }

  /** Its lease runs from now on. */
  lives(id: Holder, leaseMs = LEASE_MS): this {
    const before = this.history.instances.findLast(({ after }) => after?.id === id)?.after ?? null;
    this.history.instances.push({ ...this.next(), before, after: { id, pid: PIDS[id], expires_ms: this.at + leaseMs } });
    return this;
  }

  reserved(by: Holder, wrong: Partial<JobRow> = {}): this {
    const { row } = this;
    return this.writes(row, { ...row!, state: 'reserved', reserved_by: by, attempt: row!.attempt + 1, reservation: row!.reservation + 1, ...wrong });
  }

  changed(change: Partial<JobRow>): this {
    return this.writes(this.row, { ...this.row!, ...change });
  }

  putBack(change: Partial<JobRow> = {}): this {
    return this.changed({ state: 'available', reserved_by: null, ...change });
  }

  rescued(): this {
    return this.putBack({ attempt: this.row!.attempt - 1, crashes: this.row!.crashes + 1 });
  }

  run(run: string, by: Holder, jobId = 'job'): this {
    this.history.runs.push({ jobId, run, pid: PIDS[by], startedAt: this.at });
    return this;
  }

  ended(change: Partial<JobRow> = { state: 'completed' }): this {
    const place = this.next();
    const row = this.row!;
    this.history.live.push({ ...place, before: row, after: null });
    this.history.finished.push({ ...place, seq: (this.seq += 1), before: null, after: { ...row, ...change } });
    this.row = null;
    return this;
  }

  config(key: string, value: string | undefined, revision: number): this {
    const before = this.history.configs.findLast(({ after: row, before: old }) => (row ?? old)!.key === key)?.after ?? null;
    this.history.configs.push({ ...this.next(), before, after: value === undefined ? null : { key, value, revision } });
    return this;
  }

  follower(...changes: Follower['changes']): this {
    this.history.followers.push({ pid: 1, first: {}, changes, toTheEnd: true });
    return this;
  }

  found(): string[] {
    return check(this.history).map(({ invariant, text }) => `${invariant} ${text}`);
  }

  private writes(before: JobRow | null, after: JobRow): this {
    this.history.live.push({ ...this.next(), before, after });
    this.row = after;
    return this;
  }

  private next(): { seq: number; at: number; transaction: string } {
    this.at += 1;
    this.seq += 1;
    this.transactions += 1;
    return { seq: this.seq, at: this.at, transaction: `${this.transactions}` };
  }
}

const begun = (): Story => new Story().lives('a').lives('b').told('stored').enqueued();
const runs = (): Story => begun().reserved('a').run('first', 'a');
const grouped = (): Story => begun().changed({ group_key: 'g' });
const ended = (run: string): Partial<JobRow> => ({ state: 'completed', result: { run } });

describe('the checker finds nothing in a history in which', () => {
  it.each<[string, Story]>([
    ['a job runs once', runs().ended(ended('first'))],
    ['a job still waits', begun()],
    ['an enqueue was refused, and nothing stored', new Story().told('refused')],
    ['a transaction was rolled back', new Story().told('rolled back')],
    ['an enqueue of unknown outcome stored nothing', new Story().told('unknown')],
    ['an enqueue of unknown outcome stored the job', new Story().told('unknown').enqueued()],
    ['a job fails once, and is run again', runs().putBack().reserved('b').run('second', 'b').ended(ended('second'))],
    ['a job goes back at a shutdown, with its attempt', runs().putBack({ attempt: 0 }).reserved('b').reserved('b', { reserved_by: 'b', attempt: 1, reservation: 2 })],
    ['a job of a dead process is rescued in time', runs().after(LEASE_MS).lives('b').after(300).lives('b').rescued().reserved('b')],
    ['a finished job is run again by hand', runs().ended(ended('first'))],
    ['two jobs of a group run one after another', beside(grouped().reserved('a').ended(), 'g')],
    ['jobs of two groups run at once', beside(grouped().reserved('a'), 'other')],
    ['a process follows the configuration', new Story().config('k', 'one', 1).config('k', 'two', 2).follower({ key: 'k', value: 'two', revision: 2 })],
    ['a process hears of a row that is gone', new Story().config('k', 'one', 1).config('k', undefined, 0).follower({ key: 'k', value: 'one', revision: 1 }, { key: 'k' })],
  ])('%s', (_, story) => expect(story.found()).toEqual([]));
});

describe('the checker finds', () => {
  it.each<[string, Story, RegExp]>([
    ['I1: what was acknowledged was never stored', new Story().told('stored'), /^I1 stored, but it was never stored/],
    ['I1: what was acknowledged is gone without an outcome', lost(begun()), /^I1 stored, but it is gone/],
    ['I1: what was rolled back is there', new Story().told('rolled back').enqueued(), /^I1 rolled back, but it was stored/],
    ['I1: what was refused is there', new Story().told('refused').enqueued(), /^I1 refused, but it was stored/],
    ['I1: what is unknown is there twice', new Story().told('unknown').enqueued().enqueued(), /^I1 unknown, but it was stored 2 times/],
    ['I2: a job is completed twice', twice(runs().ended(ended('first'))), /^I2 it was completed 2 times/],
    ['I2: a process completes what another one holds', runs().putBack().reserved('b').ended(ended('first')), /^I2 process 1 completed it while process 2 held it/],
    ['I2: a run of an earlier reservation completes it', runs().after(1_000).putBack().reserved('a').ended(ended('first')), /^I2 a run from before/],
    ['I2: a result is that of another job', begun().reserved('a').run('other', 'a', 'another').ended(ended('other')), /^I2 its result is that of another job/],
    ['I3: a reservation does not raise the number', begun().reserved('a', { reservation: 0 }), /^I3 .* from 0 to 0/],
    ['I3: something else raises it', runs().changed({ reservation: 5 }), /^I3 .* from 1 to 5/],
    ['I3: it goes down', runs().putBack({ reservation: 0 }), /^I3 .* from 1 to 0 when it became available/],
    ['I4: an edge that the diagram does not have', begun().changed({ state: 'scheduled' }), /^I4 it went from available to scheduled/],
    ['I4: an end without a run', begun().ended(), /^I4 it went from available to completed/],
    ['I4: a reservation of a job that is held', runs().reserved('b'), /^I4 it was reserved while another process held it/],
    ['I5: an attempt is not counted', begun().reserved('a', { attempt: 0 }), /^I5 reserved with attempt 0 instead of 1/],
    ['I5: an attempt too many', runs().putBack().reserved('a').putBack().reserved('a'), /^I5 attempt 3 of 2/],
    ['I6: a job is taken from a process that lives', runs().rescued(), /^I6 taken from process a \d+ ms before its lease ended/],
    ['I6: a lease by another clock', new Story().lives('a', 3_600_000), /^I6 process a got a lease of 3600000 ms/],
    ['I7: a rescue that is late', late(runs().after(LEASE_MS)).rescued(), /^I7 rescued \d+ ms after/],
    ['I8: a job is live and finished at a time', runs().ended(ended('first')).enqueued(), /^I8 there were 2 rows of it/],
    ['I8: also when it is put right later', runs().ended(ended('first')).enqueued().ended({ state: 'cancelled' }), /^I8 there were 2 rows of it/],
    ['I9: two jobs of a group run at once', beside(grouped().reserved('a'), 'g'), /^I9 it was reserved while job of its group was/],
    [
      'I10: a revision that goes down',
      new Story().config('k', 'one', 1).config('k', 'two', 2).follower({ key: 'k', value: 'two', revision: 2 }, { key: 'k', value: 'one', revision: 1 }),
      /^I10 process 1 was shown revision 1 of 'k' after 2/,
    ],
    ['I10: a value that was never committed', new Story().config('k', 'one', 1).follower({ key: 'k', value: 'other', revision: 1 }), /^I10 process 1 was shown 'other'/],
    ['I10: an end that is not that of the table', new Story().config('k', 'one', 1).config('k', 'two', 2).follower({ key: 'k', value: 'one', revision: 1 }), /^I10 process 1 ends with 'one'/],
    ['I10: a row that it never heard of', new Story().config('k', 'one', 1).follower(), /^I10 process 1 ends with 'undefined' for 'k'/],
    ['I10: a row that is gone', new Story().config('k', 'one', 1).config('k', undefined, 0).follower({ key: 'k', value: 'one', revision: 1 }), /^I10 .* the table with 'undefined'/],
  ])('%s', (_, story, expected) => expect(story.found()).toContainEqual(expect.stringMatching(expected)));
});

/** Another job of a group is enqueued and reserved. */
function beside(story: Story, group: string): Story {
  const { live } = story.history;
  const { seq, at } = live.at(-1)!;
  const row: JobRow = { id: 'other', name: 'work', state: 'available', attempt: 0, crashes: 0, reservation: 0, reserved_by: null, group_key: group };
  live.push({ seq: seq + 2, at, transaction: 'stores it', before: null, after: row });
  live.push({ seq: seq + 3, at, transaction: 'reserves it', before: row, after: { ...row, state: 'reserved', attempt: 1, reservation: 1, reserved_by: 'b' } });
  return story;
}

/** Its row is deleted, and nothing takes its place. */
function lost(story: Story): Story {
  const { live } = story.history;
  const { seq, at, after } = live.at(-1)!;
  live.push({ seq: seq + 1, at, transaction: 'loses it', before: after, after: null });
  return story;
}

/** Another row of the same completion. */
function twice(story: Story): Story {
  const { finished } = story.history;
  finished.push({ ...finished.at(-1)!, seq: finished.at(-1)!.seq + 1 });
  return story;
}

/** Another process is awake all the time, and does nothing about it. */
function late(story: Story): Story {
  for (let i = 0; i < 5; i++) story.after(500).lives('b');
  return story;
}
