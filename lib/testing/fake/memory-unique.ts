import type { NewJob, StoredJob, UniqueKey } from '../../interfaces/ports/index.js';
import { toMemoryJob, type MemoryJob } from './memory-job.js';
import type { MemoryState } from './memory-state.js';

/** Stores a unique job, or lets the one that has its key take something over. Never changes a row, so that a transaction keeps its own. */
export function storeUnique(state: MemoryState, job: NewJob, now: number): StoredJob {
  const { key, forMs, onConflict } = job.unique as UniqueKey;
  const old = forMs === null ? holderOf(state, key) : claim(state, key, job.id, forMs, now);
  if (!old) return store(state, job, now);
  if (typeof old === 'string') return { id: old, outcome: 'kept' };
  if (onConflict === 'keep' || old.finalState) return { id: old.id, outcome: 'kept' };
  if (!old.isReserved) {
    const { payload, options } = job;
    const due = onConflict === 'postpone' ? dueOf(old, job, now) : undefined;
    state.jobs.set(old.id, { ...old, payload, options, ...due });
    return { id: old.id, outcome: onConflict === 'postpone' ? 'postponed' : 'replaced' };
  }
  if (onConflict !== 'again') return { id: old.id, outcome: 'kept' };
  const next = holderOf(state, `${key}\u0001`);
  if (next) state.jobs.set(next.id, { ...next, payload: job.payload, options: job.options });
  else state.jobs.set(job.id, { ...toMemoryJob(job, now), queue: old.queue, uniqueKey: `${key}\u0001` });
  return { id: next?.id ?? job.id, outcome: 'again' };
}

function store(state: MemoryState, job: NewJob, now: number): StoredJob {
  state.jobs.set(job.id, toMemoryJob(job, now));
  return { id: job.id, outcome: 'created' };
}

/** A successor takes the key over once the job before it has finished. */
function holderOf({ jobs }: MemoryState, key: string): MemoryJob | undefined {
  const live = [...jobs.values()].filter((job) => !job.finalState);
  return live.find(({ uniqueKey }) => uniqueKey === key) ?? live.find(({ uniqueKey }) => uniqueKey === `${key}\u0001`);
}

/** The job that has the key for its time; undefined when that is this one. */
function claim({ jobs, keys }: MemoryState, key: string, id: string, forMs: number, now: number): MemoryJob | string | undefined {
  const held = keys.get(key);
  if (held && held.until > now) return jobs.get(held.id) ?? held.id;
  keys.set(key, { id, until: now + forMs });
  return undefined;
}

function dueOf(old: MemoryJob, { delayMs, runAtMs }: NewJob, now: number): Pick<MemoryJob, 'runAt' | 'retryAt' | 'dueAt'> {
  const runAt = runAtMs ?? now + delayMs;
  return { runAt, retryAt: null, dueAt: old.dueAt === Infinity ? old.dueAt : runAt > now ? runAt : null };
}
