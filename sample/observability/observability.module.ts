// What operators look at: metrics for Prometheus, and whether the shop is well.
import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { JobQueueHealthIndicator } from 'nestjs-notify-queue/terminus';
import { HealthController } from './health.controller.js';
import { MetricsController } from './metrics.controller.js';

@Module({
  imports: [TerminusModule],
  controllers: [HealthController, MetricsController],
  providers: [JobQueueHealthIndicator],
})
export class ObservabilityModule {}
