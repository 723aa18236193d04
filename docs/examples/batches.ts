import { Injectable } from '@nestjs/common';
import { AbandonJobError, defineJob, type Job, JobHandler } from 'nestjs-notify-queue';

interface SearchIndex {
  addAll(documents: ReadonlyArray<{ id: string; text: string }>): Promise<void>;
  add(document: { id: string; text: string }, options?: { signal: AbortSignal }): Promise<number>;
  bulk(documents: readonly object[]): Promise<ReadonlyArray<{ id: string; status: number }>>;
}

// #region handler
export const IndexProduct = defineJob<{ id: string; text: string }>('product.index', { queue: 'search' });

@Injectable()
export class ProductIndexer {
  constructor(private readonly search: SearchIndex) {}

  @JobHandler(IndexProduct, { batch: { size: 100, wait: '50ms' } })
  async index(jobs: ReadonlyArray<Job<{ id: string; text: string }>>) {
    await this.search.addAll(jobs.map((job) => job.payload)); // one request for up to 100 jobs
  }
}
// #endregion

// #region outcomes
@Injectable()
export class CarefulIndexer {
  constructor(private readonly search: SearchIndex) {}

  @JobHandler(IndexProduct, { batch: { size: 100 } })
  async index(jobs: ReadonlyArray<Job<{ id: string; text: string }>>) {
    const answers = await this.search.bulk(jobs.map((job) => job.payload));
    return answers.map(({ id, status }) => {
      if (status === 404) return new AbandonJobError(`There is no product ${id}`);
      return status < 300 ? { status } : new Error(`Status ${status}`); // tried again, as the failure mode says
    });
  }
}
// #endregion

// #region settled
@Injectable()
export class EachByItself {
  constructor(private readonly search: SearchIndex) {}

  @JobHandler(IndexProduct, { batch: { size: 20 } })
  async index(jobs: ReadonlyArray<Job<{ id: string; text: string }>>) {
    return Promise.allSettled(jobs.map((job) => this.search.add(job.payload, { signal: job.signal })));
  }
}
// #endregion
