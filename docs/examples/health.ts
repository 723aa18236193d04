import { Controller, Get, Module } from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { InjectJobQueue, type JobQueue } from 'nestjs-notify-queue';
import { JobQueueHealthIndicator } from 'nestjs-notify-queue/terminus';

// #region controller
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly jobs: JobQueueHealthIndicator,
  ) {}

  @Get('ready')
  @HealthCheck()
  ready() {
    return this.health.check([
      () => this.jobs.isHealthy('jobs'), // database, tables, listener, sweeps
      () => this.jobs.isHealthy('mail', { queue: 'mail', maxOldestDueAge: '5m', maxWaiting: 10_000 }),
    ]);
  }
}

@Module({
  imports: [TerminusModule],
  controllers: [HealthController],
  providers: [JobQueueHealthIndicator],
})
export class HealthModule {}
// #endregion

// #region named
export class BillingHealth {
  constructor(
    private readonly jobs: JobQueueHealthIndicator,
    @InjectJobQueue('billing') private readonly billing: JobQueue,
  ) {}

  check = () => this.jobs.isHealthy('billing', { jobQueue: this.billing });
}
// #endregion
