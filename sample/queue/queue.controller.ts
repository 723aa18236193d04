import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { JobQueue } from 'nestjs-notify-queue';

@Controller('queue')
export class QueueController {
  constructor(private readonly jobQueue: JobQueue) {}

  @Get('status')
  async status() {
    return this.jobQueue.status();
  }

  /** Runs again what was given up, such as the mails of a day without a mail server. */
  @Post(':queue/retry')
  @HttpCode(200)
  async retry(@Param('queue') queue: string) {
    return this.jobQueue.retryMany({ queue });
  }
}
