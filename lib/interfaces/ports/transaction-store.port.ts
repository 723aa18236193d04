import type { EntityManager } from 'typeorm';
import type { Finish, Held } from '../../core/settlement.js';

/** `lost`: somebody else holds the job, and nothing was written. `unknown`: the connection was lost before the answer came. */
export type CommitAnswer = 'committed' | 'lost' | 'unknown';

/** What became of the row of a job whose commit had no answer. `undecided`: a transaction still has it. */
export type RowFate = 'gone' | 'held' | 'undecided';

/** A transaction that the handler of one job works in. One of `commit`, `rollback` and `cut` ends it. */
export interface JobTransaction {
  readonly manager: EntityManager;
  /**
   * Writes the end of the job and commits it with everything else.
   *
   * @throws what the database has against it; then nothing was written
   */
  commit(finish: Finish, instanceId: string, keepMs: number | null): Promise<CommitAnswer>;
  /** False when the connection was lost; nothing was written either way. */
  rollback(): Promise<boolean>;
  /** Closes the connection at once, whatever the handler does with it, so that nothing is written. */
  cut(): void;
}

/** Transactions of the application's data source. */
export interface TransactionStore {
  /** @throws DatabaseUnavailableError */
  begin(): Promise<JobTransaction>;
  /** @throws DatabaseUnavailableError */
  fateOf(job: Held, instanceId: string): Promise<RowFate>;
}
