import type { JobConfig } from '../../interfaces/job-config.interface.js';
import type { MemoryJob } from './memory-job.js';
import { Transactions } from './transactions.js';

/** What the tables hold. */
export interface MemoryState {
  readonly jobs: Map<string, MemoryJob>;
  readonly configs: Map<string, JobConfig>;
  /** Keys that are unique for a time. */
  readonly keys: Map<string, { readonly id: string; readonly until: number }>;
}

export type MemoryTransactions = Transactions<MemoryState>;

export function createTransactions(state: MemoryState): MemoryTransactions {
  return new Transactions(state, ({ jobs, configs, keys }) => ({ jobs: new Map(jobs), configs: new Map(configs), keys: new Map(keys) }));
}
