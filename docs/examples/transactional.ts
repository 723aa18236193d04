import { Injectable } from '@nestjs/common';
import { defineJob, type Job, JobConfigs, JobHandler, JobManager, JobPayload, JobQueue } from 'nestjs-notify-queue';
import { Column, Entity, type EntityManager, PrimaryGeneratedColumn } from 'typeorm';

const BookInvoice = defineJob<{ orderId: string; amount: number }>('invoice.book', { queue: 'books' });
const MailInvoice = defineJob<{ orderId: string }>('invoice.mail', { queue: 'mail' });

@Entity()
class Booking {
  @PrimaryGeneratedColumn() id!: number;
  @Column('text') orderId!: string;
  @Column('integer') amount!: number;
}

// #region handler
@Injectable()
export class Bookkeeping {
  constructor(
    private readonly jobQueue: JobQueue,
    private readonly configs: JobConfigs,
  ) {}

  @JobHandler(BookInvoice, { transactional: true })
  async book(job: Job<{ orderId: string; amount: number }>, manager: EntityManager) {
    const { orderId, amount } = job.payload;
    await manager.insert(Booking, { orderId, amount });
    await this.jobQueue.enqueue(MailInvoice, { orderId }, { manager });
    await this.configs.set('books.last', orderId, { manager });
  } // committed here, with the completion of the job
}
// #endregion

// #region parameter
@Injectable()
export class Corrections {
  @JobHandler('invoice.correct', { transactional: true })
  async correct(@JobPayload() { orderId, amount }: { orderId: string; amount: number }, @JobManager() manager: EntityManager) {
    await manager.update(Booking, { orderId }, { amount });
  }
}
// #endregion
