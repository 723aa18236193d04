import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '../../lib/index.js';
import { Database } from '../../lib/store/database.js';
import { useApps } from '../support/apps.js';
import { useTestDatabase } from '../support/database.js';
import { handle } from '../support/handlers.js';
import { until } from '../support/wait.js';

const JOBS = 20_000;
const WORKERS = 2;
const WRITERS = 4;
/** No statement of a bulk may hold its locks for longer; a batch takes some 50 ms on an idle machine. */
const LONGEST_MS = 1_000;

describe('a bulk beside workers and writers', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1s' });

  afterEach(() => void vi.restoreAllMocks());

  it(`cancels what ${JOBS} jobs are left, without a deadlock, and no job is in two states`, async () => {
    const ran = new Map<string, number>();
    const work = handle({ note: ({ id }: Job) => void ran.set(id, (ran.get(id) ?? 0) + 1) });
    const viewer = await start({ queue: { role: 'producer' } });
    const ids: string[] = [];
    for (let n = 0; n < JOBS; n += 10_000) ids.push(...(await viewer.queue.enqueueMany('note', Array.from({ length: 10_000 }, (_, m) => n + m), { delay: 1 })).map(({ id }) => id));
    expect(await viewer.queue.cancelMany('all', { dryRun: true, limit: JOBS })).toMatchObject({ matched: JOBS, complete: true });
    const statements = watchStatements();
    await Promise.all(Array.from({ length: WORKERS }, () => start({ providers: [work] })));
    let writing = true;
    const writer = async (): Promise<void> => {
      while (writing) ids.push((await viewer.queue.enqueue('note', 'late')).id);
    };
    const writers = Array.from({ length: WRITERS }, writer);
    // Two at once, beside each other and the workers.
    const startedAt = performance.now();
    const results = await Promise.all([viewer.queue.cancelMany('all', { limit: 1_000_000, abort: true }), viewer.queue.cancelMany({ name: 'note' }, { limit: 1_000_000 })]);
    const tookMs = performance.now() - startedAt;
    writing = false;
    await Promise.all(writers);
    await until(async () => (await viewer.queue.status('default')).count === 0, { timeout: 20_000 });

    for (const { matched, changed, aborting, skipped, complete } of results) {
      expect(complete).toBe(true);
      expect(matched).toBe(changed + aborting + skipped);
    }
    const rows = await database.query<{ id: string; state: string; times: number }>('SELECT id, min(state) AS state, count(*)::int AS times FROM notify_queue.all_jobs GROUP BY id');
    expect(rows.filter(({ times }) => times > 1)).toEqual([]);
    expect(rows.map(({ id }) => id).sort()).toEqual([...ids].sort());
    const cancelled = rows.filter(({ state }) => state === 'cancelled');
    const told = results.reduce((sum, { changed }) => sum + changed, 0);
    const aborting = results.reduce((sum, one) => sum + one.aborting, 0);
    // One that was told to end may have ended by itself before it heard of it.
    expect(cancelled.length).toBeGreaterThanOrEqual(told);
    expect(cancelled.length).toBeLessThanOrEqual(told + aborting);
    // What waited when it was cancelled never ran.
    expect(cancelled.filter(({ id }) => ran.has(id)).length).toBeLessThanOrEqual(aborting);
    expect(rows.filter(({ state }) => state !== 'cancelled' && state !== 'completed')).toEqual([]);
    for (const { id, state } of rows) if (state === 'completed') expect(ran.get(id)).toBe(1);
    expect([...ran.values()].every((runs) => runs === 1)).toBe(true);
    expect(statements.errors).toEqual([]);
    console.info(`${told} of ${rows.length} jobs cancelled beside ${ran.size} runs in ${Math.round(tookMs)} ms; longest statement ${statements.longestMs.toFixed(0)} ms`);
    expect(statements.longestMs).toBeLessThan(LONGEST_MS);
  }, 60_000);

  /** The longest statement of a bulk, with its wait for a connection, and what went wrong on the way of any statement, tried again or not. */
  function watchStatements() {
    const seen = { longestMs: 0, errors: [] as string[] };
    const original = Database.prototype as unknown as { runOnce: (statement: { name: string }, params: unknown[]) => Promise<unknown> };
    const { runOnce } = original;
    vi.spyOn(original, 'runOnce').mockImplementation(async function (this: unknown, statement, params) {
      const startedAt = performance.now();
      try {
        return await runOnce.call(this, statement, params);
      } catch (error) {
        seen.errors.push(String(error));
        throw error;
      } finally {
        if (/^(?:nq_(?!insert)\w+_jobs)?$/.test(statement.name)) seen.longestMs = Math.max(seen.longestMs, performance.now() - startedAt);
      }
    });
    return seen;
  }
});
