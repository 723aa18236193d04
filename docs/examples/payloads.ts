import { Injectable, Module } from '@nestjs/common';
import { defineJob, encryption, JobHandler, NotifyQueueModule, type Job } from 'nestjs-notify-queue';
import { z } from 'zod';

// #region schema
const Invoice = z.object({ orderId: z.uuid(), due: z.coerce.date(), copies: z.int().default(1) });

export const SendInvoice = defineJob('invoice.send', { queue: 'mail', schema: Invoice });

@Injectable()
export class Invoices {
  @JobHandler(SendInvoice)
  send({ payload }: Job<z.output<typeof Invoice>>) {
    return `${payload.copies} by ${payload.due.toISOString()}`; // a Date, and a default
  }
}
// #endregion

// #region result
export const Render = defineJob<{ orderId: string }, { pages: number }>('invoice.render', { schema: z.object({ orderId: z.uuid() }) });
// #endregion

// #region versions
export const Greet = defineJob<{ first: string; last: string }>('greet', {
  version: 3,
  upgrade: {
    1: (old: { name: string }) => ({ full: old.name }),
    2: ({ full }: { full: string }) => ({ first: full.split(' ')[0], last: full.split(' ')[1] }),
  },
});
// #endregion

// #region encryption
@Module({
  imports: [
    NotifyQueueModule.forRootAsync({
      useFactory: () => ({
        codec: encryption({
          keys: { '2026': process.env['JOBS_KEY_2026']!, '2027': process.env['JOBS_KEY_2027']! }, // openssl rand -base64 32
          current: '2027',
        }),
      }),
    }),
  ],
})
export class JobsModule {}
// #endregion
