import { Injectable } from '@nestjs/common';
import { defineJob, JobQueue } from 'nestjs-notify-queue';

// #region define
export const SyncCustomer = defineJob<{ customer: string; reason: string }>('customer.sync', { unique: { by: ['customer'] } });
// #endregion

const SendReminder = defineJob<{ customer: string }>('reminder.send');
const RebuildIndex = defineJob<{ since: string }>('index.rebuild');
const SaveDraft = defineJob<{ draft: string; text: string }>('draft.save');

@Injectable()
export class Customers {
  constructor(private readonly jobQueue: JobQueue) {}

  // #region enqueue
  async changed(customer: string): Promise<boolean> {
    const { outcome } = await this.jobQueue.enqueue(SyncCustomer, { customer, reason: 'changed' });
    return outcome === 'created'; // 'kept': one waits or runs already
  }
  // #endregion

  // #region window
  async remind(customer: string): Promise<void> {
    await this.jobQueue.enqueue(SendReminder, { customer }, { unique: { by: ['customer'], for: '1d' } });
  }
  // #endregion

  // #region debounce
  async typed(draft: string, text: string): Promise<void> {
    await this.jobQueue.enqueue(SaveDraft, { draft, text }, { delay: '2s', unique: { by: ['draft'], onConflict: 'postpone' } });
  }
  // #endregion

  // #region again
  async rebuild(since: string): Promise<void> {
    await this.jobQueue.enqueue(RebuildIndex, { since }, { unique: { key: 'index', onConflict: 'again' } });
  }
  // #endregion
}
