import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { JobQueue } from 'nestjs-notify-queue';
import { filter, type Subscription } from 'rxjs';

// #region subscribe
@Injectable()
export class Alarm implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Alarm.name);
  private subscription?: Subscription;

  constructor(private readonly jobQueue: JobQueue) {}

  onModuleInit() {
    this.subscription = this.jobQueue.events$
      .pipe(filter(({ kind }) => kind === 'job:abandoned'))
      .subscribe(({ name, jobId, failure }) => this.logger.error(`${name} ${jobId} is given up: ${failure?.message}`));
  }

  onModuleDestroy() {
    this.subscription?.unsubscribe();
  }
}
// #endregion
