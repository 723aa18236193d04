import type { CancelResult } from '../../interfaces/job-record.interface.js';
import type { BulkAction, BulkChanged, BulkPicked, BulkPlace, BulkSelection, BulkStore } from '../../interfaces/ports/index.js';
import { fits } from './fits.js';
import type { MemoryJobStore } from './memory-job.store.js';

/** Work on many jobs, in memory: one after the other. */
export class MemoryBulkStore implements BulkStore {
  constructor(private readonly jobs: MemoryJobStore) {}

  async pick(_kind: BulkAction['kind'], selection: BulkSelection, { after }: BulkPlace, limit: number): Promise<BulkPicked> {
    const { jobs, nextCursor } = await this.jobs.find(selection, { cursor: after, limit, order: 'oldest' });
    return { ids: jobs.map(({ id }) => id), next: nextCursor === undefined ? undefined : { after: nextCursor } };
  }

  async change(action: BulkAction, selection: BulkSelection, ids: readonly string[]): Promise<BulkChanged> {
    const counts = { changed: 0, aborting: 0 };
    for (const id of ids) {
      const job = await this.jobs.get(id);
      if (!job || !fits(job, selection)) continue;
      const answer = await this.apply(action, id);
      if (answer === 'ok') counts.changed++;
      else if (answer === 'in_progress' && action.kind === 'cancel') counts.aborting++;
    }
    return { ...counts, missed: [] };
  }

  private apply(action: BulkAction, id: string): Promise<CancelResult | 'unfinished'> {
    switch (action.kind) {
      case 'cancel':
        return this.jobs.cancel(id, action.abort);
      case 'update':
        return this.jobs.update(id, action.changes);
      case 'move':
        return this.jobs.move(id, action.queue);
      default:
        return this.jobs[action.kind](id);
    }
  }
}
