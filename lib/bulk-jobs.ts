import { checkBulkCriteria, checkBulkUpdate, readBulkOptions, type BulkStates } from './bulk-criteria.js';
import { assertName } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { FINAL_STATES } from './core/states.js';
import type { BulkCriteria, BulkOptions, BulkResult, BulkUpdate, CancelManyOptions } from './interfaces/bulk.interface.js';
import type { JobRecord } from './interfaces/job-record.interface.js';
import type { BulkAction } from './interfaces/ports/index.js';
import type { JobQueueParts } from './job-queue.parts.js';
import type { ResolvedOptions } from './notify-queue.options.js';
import { walkJobs } from './runtime/bulk-walk.js';

/** For how many milliseconds cancelled jobs are kept: by queue, and in any other. */
export function keptCancelled({ queues, defaults }: ResolvedOptions): [ReadonlyMap<string, number | null>, number | null] {
  return [new Map([...queues].map(([name, queue]) => [name, queue.keepAbandonedMs])), defaults.keepAbandonedMs];
}

const PENDING = ['scheduled', 'available', 'blocked'] as const;
const WAITING = ['scheduled', 'available', 'held', 'blocked'] as const;

/**
 * The part of `JobQueue` that changes jobs by criteria. All calls go through the jobs in order of id, leave those alone that
 * were enqueued after the call began, and lock no job that somebody else has locked.
 */
export abstract class BulkJobs {
  constructor(private readonly many: Pick<JobQueueParts, 'bulk' | 'newJobs' | 'options'>) {}

  /**
   * Cancels the waiting jobs that fit; with `abort` also those that run, whose signals fire on whichever instance they run.
   *
   * @example
   * await jobQueue.cancelMany({ tags: `customer:${id}` }, { abort: true });
   * @throws InvalidArgumentError, InvalidOptionError, UnstorableValueError, ValueTooLargeError before anything is changed
   * @throws DatabaseUnavailableError; what `onProgress` was told of is done
   */
  async cancelMany(criteria: BulkCriteria, options: CancelManyOptions = {}): Promise<BulkResult> {
    const reader = new OptionReader(options, 'cancelMany');
    const abort = reader.boolean('abort', false);
    const [keepMs, defaultKeepMs] = keptCancelled(this.many.options);
    const action: BulkAction = { kind: 'cancel', abort, keepMs, defaultKeepMs };
    return this.change(criteria, { allowed: abort ? [...WAITING, 'reserved'] : WAITING }, reader, action);
  }

  /**
   * Runs the finished jobs that fit again, with attempts from zero: abandoned ones, unless `state` names others.
   *
   * @throws as `cancelMany` does
   */
  async retryMany(criteria: BulkCriteria, options: BulkOptions = {}): Promise<BulkResult> {
    return this.change(criteria, { allowed: FINAL_STATES, usual: ['abandoned'] }, new OptionReader(options, 'retryMany'), { kind: 'retry' });
  }

  /** Keeps the waiting jobs that fit from running until they are released. @throws as `cancelMany` does */
  async holdMany(criteria: BulkCriteria, options: BulkOptions = {}): Promise<BulkResult> {
    return this.change(criteria, { allowed: PENDING }, new OptionReader(options, 'holdMany'), { kind: 'hold' });
  }

  /** Lets the jobs that fit and are held run when they are due. @throws as `cancelMany` does */
  async releaseMany(criteria: BulkCriteria, options: BulkOptions = {}): Promise<BulkResult> {
    return this.change(criteria, { allowed: ['held'] }, new OptionReader(options, 'releaseMany'), { kind: 'release' });
  }

  /**
   * Changes the priority or the due time of the waiting jobs that fit. Those that are held stay held.
   *
   * @example
   * await jobQueue.updateMany({ queue: 'mail', name: 'newsletter.send' }, { priority: 100 });
   * @throws as `cancelMany` does
   */
  async updateMany(criteria: BulkCriteria, changes: BulkUpdate, options: BulkOptions = {}): Promise<BulkResult> {
    checkBulkUpdate(changes);
    const { changes: made } = this.many.newJobs.change({ name: '' } as JobRecord, changes);
    return this.change(criteria, { allowed: WAITING }, new OptionReader(options, 'updateMany'), { kind: 'update', changes: made });
  }

  /** Moves the waiting jobs that fit to another queue, where their attempts count from zero. @throws as `cancelMany` does, UnknownQueueError */
  async moveMany(criteria: BulkCriteria, queue: string, options: BulkOptions = {}): Promise<BulkResult> {
    assertName('queue', queue);
    this.many.newJobs.checkQueue(queue);
    return this.change(criteria, { allowed: WAITING }, new OptionReader(options, 'moveMany'), { kind: 'move', queue });
  }

  private async change(criteria: BulkCriteria, states: BulkStates, reader: OptionReader, action: BulkAction): Promise<BulkResult> {
    const settings = readBulkOptions(reader);
    const selection = checkBulkCriteria(criteria, states, this.many.options.maxPayloadSize);
    return walkJobs(this.many.bulk, action, selection, settings);
  }
}
