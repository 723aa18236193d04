import { ConsoleLogger, Injectable } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Job, JobHandler } from 'nestjs-notify-queue';
import { JobsModule } from './metrics.js';

// #region logger
export async function main() {
  const logger = new ConsoleLogger({ json: true, flattenParams: true, logLevels: ['log', 'warn', 'error', 'fatal'] });
  return NestFactory.create(JobsModule, { logger });
}
// #endregion

// #region handler
@Injectable()
export class Invoices {
  @JobHandler('invoice.send')
  async send(job: Job<{ orderId: string }>) {
    job.log.log('The invoice is rendered'); // with jobId, job, queue and attempt
  }
}
// #endregion
