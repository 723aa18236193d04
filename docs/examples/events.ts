import { Injectable, Logger, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { JobQueue, NotifyQueueModule } from 'nestjs-notify-queue';
import { filter, map, type Observable, type Subscription } from 'rxjs';

// #region cluster
@Module({ imports: [NotifyQueueModule.forRoot({ clusterEvents: ['job:abandoned', 'job:rescued'] })] })
export class WorkerModule {}

@Injectable()
export class Dashboard {
  readonly troubles$: Observable<string>;

  constructor(jobQueue: JobQueue) {
    this.troubles$ = jobQueue.clusterEvents$.pipe(map(({ kind, name, host }) => `${kind} ${name} on ${host}`));
  }
}
// #endregion

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
