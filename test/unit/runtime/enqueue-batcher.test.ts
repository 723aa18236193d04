import { describe, expect, it } from 'vitest';
import { DatabaseUnavailableError } from '../../../lib/errors/database.errors.js';
import { EnqueueOutcomeUnknownError } from '../../../lib/errors/enqueue.errors.js';
import type { EnqueueStore, NewJob } from '../../../lib/interfaces/ports/index.js';
import { EnqueueBatcher } from '../../../lib/runtime/enqueue-batcher.js';
import { deferred } from '../../support/wait.js';

const job = (id: string, payload = 'null'): NewJob => ({
  id, queue: 'q', name: 'n', payload, priority: 0, delayMs: 0, runAtMs: null, options: null, group: null, unique: null,
});
const ids = (jobs: readonly NewJob[]): string => jobs.map(({ id }) => id).join('');

/** Records inserts; `insert` decides what becomes of each. */
function storeOf(insert: (ids: string) => Promise<void> | void): EnqueueStore & { inserts: string[] } {
  const inserts: string[] = [];
  return {
    inserts,
    insert: async (jobs) => {
      inserts.push(ids(jobs));
      await insert(ids(jobs));
    },
    insertReserved: async (jobs) => (inserts.push(`reserved ${ids(jobs)}`), []),
    insertUnique: async (jobs) => (inserts.push(`unique ${ids(jobs)}`), jobs.map(({ id }) => ({ id: `old ${id}`, outcome: 'kept' as const }))),
  };
}

describe('EnqueueBatcher', () => {
  it('sends calls of one turn together, and those made during an insert with the next', async () => {
    const first = deferred<void>();
    const store = storeOf((sent) => (sent === 'ab' ? first.promise : undefined));
    const batcher = new EnqueueBatcher(store);
    const calls = [batcher.add([job('a')], 'new'), batcher.add([job('b')], 'new')];
    await new Promise(setImmediate);
    calls.push(batcher.add([job('c')], 'new'), batcher.add([job('d'), job('e')], 'new'));
    first.resolve();
    await Promise.all(calls);
    expect(store.inserts).toEqual(['ab', 'cde']);
  });

  it('resolves no call before its commit', async () => {
    const commit = deferred<void>();
    const batcher = new EnqueueBatcher(storeOf(() => commit.promise));
    let resolved = false;
    const call = batcher.add([job('a')], 'new').then(() => (resolved = true));
    await new Promise(setImmediate);
    expect(resolved).toBe(false);
    commit.resolve();
    await call;
  });

  it('lets a bad row fail its own call only', async () => {
    const batcher = new EnqueueBatcher(storeOf((sent) => (sent.includes('b') ? Promise.reject(new Error('bad row')) : undefined)));
    const results = await Promise.allSettled(['a', 'b', 'c'].map((id) => batcher.add([job(id)], 'new')));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it.each([
    [true, EnqueueOutcomeUnknownError],
    [false, DatabaseUnavailableError],
  ])('tells each caller whether its jobs may exist when the connection is lost (sent: %s)', async (mayHaveRun, type) => {
    const lost = new DatabaseUnavailableError('gone', { mayHaveRun });
    const store = storeOf(() => Promise.reject(lost));
    const batcher = new EnqueueBatcher(store);
    const results = await Promise.allSettled(['a', 'b'].map((id) => batcher.add([job(id)], 'new')));
    for (const [index, result] of results.entries()) {
      const reason = (result as PromiseRejectedResult).reason as EnqueueOutcomeUnknownError;
      expect(reason).toBeInstanceOf(type);
      if (mayHaveRun) expect(reason.ids).toEqual([['a', 'b'][index]]);
    }
    expect(store.inserts).toEqual(['ab']);
  });

  it('keeps ids of the caller apart, since they are stored only once', async () => {
    const store = storeOf(() => undefined);
    const batcher = new EnqueueBatcher(store);
    await Promise.all([batcher.add([job('a')], 'new'), batcher.add([job('b')], 'once'), batcher.add([job('c')], 'new')]);
    expect(store.inserts).toEqual(['a', 'b', 'c']);
  });

  it('takes no more than 1,000 rows at once', async () => {
    const store = storeOf(() => undefined);
    const batcher = new EnqueueBatcher(store);
    await Promise.all(Array.from({ length: 2_500 }, () => batcher.add([job('x')], 'new')));
    expect(store.inserts.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
  });

  it('tells each call what became of its unique jobs, and mixes no two kinds', async () => {
    const store = storeOf(() => undefined);
    const batcher = new EnqueueBatcher(store);
    const kept = (id: string) => ({ id: `old ${id}`, outcome: 'kept' });
    const answers = await Promise.all([batcher.add([job('a')], 'keep'), batcher.add([job('b'), job('c')], 'keep'), batcher.add([job('d')], 'replace'), batcher.add([job('e')], 'new')]);
    expect(answers).toEqual([[kept('a')], [kept('b'), kept('c')], [kept('d')], undefined]);
    expect(store.inserts).toEqual(['unique abc', 'unique d', 'e']);
  });

  it('settles a hand-over once, also when the insert fails', async () => {
    const settled: Array<number | undefined> = [];
    const handOver = () => ({ instanceId: 'i', suspensionKeys: [], settle: (jobs?: readonly unknown[]) => void settled.push(jobs?.length) });
    const failing: EnqueueStore = { insert: async () => undefined, insertUnique: async () => [], insertReserved: () => Promise.reject(new Error('no')) };
    await expect(new EnqueueBatcher(failing, handOver).add([job('a')], 'new')).rejects.toThrow('no');
    const store = storeOf(() => undefined);
    await new EnqueueBatcher(store, handOver).add([job('b')], 'new');
    expect(settled).toEqual([0, 0]);
    expect(store.inserts).toEqual(['reserved b']);
  });

  it('drains', async () => {
    const commit = deferred<void>();
    const batcher = new EnqueueBatcher(storeOf(() => commit.promise));
    await batcher.drain();
    const order: string[] = [];
    const call = batcher.add([job('a')], 'new').then(() => order.push('stored'));
    const drained = batcher.drain().then(() => order.push('drained'));
    commit.resolve();
    await Promise.all([call, drained]);
    expect(order).toEqual(['stored', 'drained']);
  });
});
