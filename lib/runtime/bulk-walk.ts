import { setTimeout as sleep } from 'node:timers/promises';
import type { BulkOptions, BulkResult } from '../interfaces/bulk.interface.js';
import type { BulkAction, BulkPlace, BulkSelection, BulkStore } from '../interfaces/ports/index.js';

/** `BulkOptions` with everything resolved. */
export interface BulkSettings extends Pick<BulkOptions, 'signal' | 'onProgress'> {
  readonly dryRun: boolean;
  readonly limit: number;
  readonly batchSize: number;
}

type Counts = { -readonly [Key in Exclude<keyof BulkResult, 'complete'>]: number };

/** Counting reads only, so it takes larger steps. */
const COUNT_BATCH = 10_000;
/** Jobs that somebody else had locked are looked at again after these times. */
const LOOKS_AGAIN_MS = [5, 25, 100];

/** Walks through the jobs in order of id, a batch a transaction. What a batch did is done, whatever becomes of the next one. */
export async function walkJobs(store: BulkStore, action: BulkAction, selection: BulkSelection, settings: BulkSettings): Promise<BulkResult> {
  const { dryRun, limit, signal, onProgress } = settings;
  const batchSize = dryRun ? COUNT_BATCH : settings.batchSize;
  const counts: Counts = { matched: 0, changed: 0, aborting: 0, skipped: 0 };
  let place: BulkPlace | undefined = {};
  while (place && !signal?.aborted) {
    const room = Math.min(batchSize, limit - counts.matched);
    // One more is looked for at the limit: whether there is one is what `complete` tells.
    const { ids, next } = await store.pick(action.kind, selection, place, Math.max(room, 1));
    if (room === 0 && ids.length > 0) break;
    place = next;
    if (ids.length === 0) continue;
    counts.matched += ids.length;
    if (!dryRun) await changeAll(store, action, selection, ids, counts);
    await onProgress?.({ ...counts, complete: false });
  }
  return { ...counts, complete: place === undefined };
}

async function changeAll(store: BulkStore, action: BulkAction, selection: BulkSelection, ids: readonly string[], counts: Counts): Promise<void> {
  let left = ids;
  let skipped = ids.length;
  for (const waitMs of [0, ...LOOKS_AGAIN_MS]) {
    if (waitMs > 0) await sleep(waitMs);
    const { changed, aborting, missed } = await store.change(action, selection, left);
    counts.changed += changed;
    counts.aborting += aborting;
    skipped -= changed + aborting;
    left = missed;
    if (left.length === 0) break;
  }
  counts.skipped += skipped;
}
