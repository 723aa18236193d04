import { Controller, Get, Header, Module } from '@nestjs/common';
import { JobQueue, NotifyQueueModule } from 'nestjs-notify-queue';
import { openTelemetry } from 'nestjs-notify-queue/opentelemetry';
import { prometheusMetrics } from 'nestjs-notify-queue/prometheus';
import { Registry } from 'prom-client';

// #region prometheus
const register = new Registry(); // or prom-client's own, which is the default

@Controller('metrics')
export class MetricsController {
  @Get()
  @Header('content-type', register.contentType)
  read() {
    return register.metrics();
  }
}

@Module({
  imports: [NotifyQueueModule.forRoot({ middleware: [prometheusMetrics({ register })] })],
  controllers: [MetricsController],
})
export class JobsModule {}
// #endregion

// #region opentelemetry
export const queue = NotifyQueueModule.forRoot({ middleware: [openTelemetry()] });
// #endregion

// #region stats
export function reportStats(jobQueue: JobQueue) {
  const { enqueueCalls, enqueueInserts, listenerReconnects } = jobQueue.stats();
  return { callsAnInsert: enqueueCalls / enqueueInserts, listenerReconnects };
}
// #endregion
