import { describe, expect, it } from 'vitest';
import type { JobConfig } from '../../../lib/interfaces/job-config.interface.js';
import type { ConfigStore, Log } from '../../../lib/interfaces/ports/index.js';
import { ConfigFeed } from '../../../lib/runtime/config-feed.js';
import { deferred, type Deferred } from '../../support/wait.js';

interface Read {
  readonly keys: readonly string[] | undefined;
  readonly answer: Deferred<JobConfig[]>;
}

/** A store whose reads wait until the test answers them. */
function feedOf() {
  const reads: Read[] = [];
  const errors: string[] = [];
  const log = { debug: () => undefined, log: () => undefined, warn: () => undefined, error: (text: string) => errors.push(text) } as unknown as Log;
  const store = {
    read: (keys?: readonly string[]) => {
      const answer = deferred<JobConfig[]>();
      reads.push({ keys, answer });
      return answer.promise;
    },
  } as unknown as ConfigStore;
  const feed = new ConfigFeed(store, log);
  return { feed, reads, errors };
}

const row = (key: string, value: string, revision: number): JobConfig => ({
  key, value, revision, createdAt: new Date(0), updatedAt: new Date(0),
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A feed that has these rows, and everything that its streams show from then on. */
async function loaded(...rows: JobConfig[]) {
  const made = feedOf();
  const load = made.feed.refresh();
  made.reads.shift()!.answer.resolve(rows);
  await load;
  const snapshots: Array<Record<string, string>> = [];
  const changes: unknown[][] = [];
  made.feed.config$.subscribe((snapshot) => void snapshots.push(Object.fromEntries(snapshot)));
  made.feed.changes$.subscribe(({ key, previous, value, revision }) => void changes.push([key, previous, value, revision]));
  return { ...made, snapshots, changes };
}

describe('ConfigFeed', () => {
  it('shows nothing before it has read, then everything at once, and to late subscribers too', async () => {
    const { feed, reads } = feedOf();
    const seen: number[] = [];
    feed.config$.subscribe((snapshot) => void seen.push(snapshot.size));
    const load = feed.refresh();
    expect(reads.map(({ keys }) => keys)).toEqual([undefined]);
    expect(seen).toEqual([]);
    reads[0]!.answer.resolve([]);
    await load;
    expect(seen).toEqual([0]);
    feed.config$.subscribe((snapshot) => void seen.push(snapshot.size));
    expect(seen).toEqual([0, 0]);
  });

  it('drops a row that is older than the one it has, whatever order reads answer in', async () => {
    const { feed, reads, snapshots, changes } = await loaded(row('a', 'three', 3));
    const refresh = feed.refresh(['a']);
    reads.shift()!.answer.resolve([row('a', 'two', 2)]);
    await refresh;
    expect(feed.current.get('a')).toBe('three');
    expect(snapshots).toEqual([{ a: 'three' }]);
    expect(changes).toEqual([]);
  });

  it('reads one after another: what is asked for meanwhile is read together afterwards', async () => {
    const { feed, reads } = await loaded();
    const first = feed.refresh(['a']);
    const others = [feed.refresh(['b']), feed.refresh(['c']), feed.refresh(['a'])];
    await turn();
    expect(reads).toHaveLength(1);
    reads[0]!.answer.resolve([row('a', '1', 1)]);
    await turn();
    expect(reads.map(({ keys }) => keys)).toEqual([['a'], ['b', 'c', 'a']]);
    let done = false;
    void Promise.all([first, ...others]).then(() => (done = true));
    await turn();
    expect(done).toBe(false);
    reads[1]!.answer.resolve([row('a', '2', 2), row('b', '3', 3)]);
    await Promise.all(others);
    expect(Object.fromEntries(feed.current)).toEqual({ a: '2', b: '3' });
  });

  it('tells of additions, changes and deletions with what was before, and of nothing else', async () => {
    const { feed, reads, snapshots, changes } = await loaded(row('kept', 'same', 1), row('gone', 'bye', 2));
    const refresh = feed.refresh();
    reads.shift()!.answer.resolve([row('kept', 'same', 5), row('new', 'hello', 6)]);
    await refresh;
    const other = feed.refresh(['kept', 'unknown']);
    reads.shift()!.answer.resolve([row('kept', 'other', 7)]);
    await other;
    expect(changes).toEqual([
      ['new', undefined, 'hello', 6],
      ['gone', 'bye', undefined, undefined],
      ['kept', 'same', 'other', 7],
    ]);
    expect(snapshots).toEqual([{ kept: 'same', gone: 'bye' }, { kept: 'same', new: 'hello' }, { kept: 'other', new: 'hello' }]);
  });

  it('takes a row that was deleted and made anew', async () => {
    const { feed, reads, changes } = await loaded(row('a', 'old', 1));
    for (const rows of [[], [row('a', 'new', 2)]]) {
      const refresh = feed.refresh(['a']);
      reads.shift()!.answer.resolve(rows);
      await refresh;
    }
    expect(changes).toEqual([['a', 'old', undefined, undefined], ['a', undefined, 'new', 2]]);
  });

  it('fails the first read, and tries every later one again until it succeeds', async () => {
    const { feed, reads } = feedOf();
    const first = feed.refresh();
    reads.shift()!.answer.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    const second = feed.refresh();
    reads.shift()!.answer.resolve([row('a', '1', 1)]);
    await second;

    const third = feed.refresh(['a']);
    reads.shift()!.answer.reject(new Error('away again'));
    while (reads.length === 0) await turn();
    expect(reads[0]!.keys).toEqual(['a']);
    reads.shift()!.answer.resolve([row('a', '2', 2)]);
    await third;
    expect(feed.current.get('a')).toBe('2');
  });

  it('completes its streams when it stops, and shows nothing that arrives later', async () => {
    const { feed, reads, snapshots } = await loaded(row('a', '1', 1));
    let completed = 0;
    feed.config$.subscribe({ complete: () => completed++ });
    feed.changes$.subscribe({ complete: () => completed++ });
    const refresh = feed.refresh(['a']);
    feed.stop();
    reads.shift()!.answer.resolve([row('a', '2', 2)]);
    await refresh;
    await feed.refresh();
    expect([completed, snapshots, reads]).toEqual([2, [{ a: '1' }], []]);
  });

  it('gives every subscriber a snapshot that others cannot spoil for it by throwing', async () => {
    const { feed, reads, errors, snapshots } = await loaded();
    feed.config$.subscribe(() => {
      throw new Error('spoilt');
    });
    const refresh = feed.refresh();
    reads.shift()!.answer.resolve([row('a', '1', 1)]);
    await refresh;
    expect(snapshots).toEqual([{}, { a: '1' }]);
    expect(errors).toEqual(Array.from({ length: 2 }, () => 'A subscriber of the configuration failed'));
  });
});
