import { Controller, Get } from '@nestjs/common';
import { JobQueue } from 'nestjs-notify-queue';

@Controller('queue')
export class QueueController {
  constructor(private readonly jobQueue: JobQueue) {}

  @Get('status')
  async status() {
    return this.jobQueue.status();
  }
}
