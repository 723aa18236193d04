import { register as globalRegister, type Registry } from 'prom-client';
import { OptionReader } from '../core/option-reader.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { JobMiddleware } from '../interfaces/job-middleware.interface.js';
import { metricsIn } from './job-metrics.js';

export interface PrometheusOptions {
  /** Where the metrics are registered. @default the global registry of prom-client */
  register?: Registry;
  /** What the names of the metrics begin with. @default 'notify_queue_' */
  prefix?: string;
  /**
   * How often at most a scrape reads `jobQueue.status()`, for the gauges of the queues. False leaves these gauges out: they
   * are the same in every process, so one that reports them is enough. @default '5s'
   */
  statusInterval?: Duration | false;
}

/**
 * Counters, histograms and gauges of a `JobQueue` for prom-client. Several on one registry share the metrics.
 *
 * @example
 * NotifyQueueModule.forRoot({ middleware: [prometheusMetrics({ register })] })
 * @throws InvalidOptionError for an option that is unknown or has a bad value
 */
export function prometheusMetrics(options: PrometheusOptions = {}): JobMiddleware {
  const reader = new OptionReader(options, 'prometheusMetrics');
  const register = reader.value('register', globalRegister, 'a Registry of prom-client', (value) =>
    typeof (value as Registry).getSingleMetric === 'function' ? (value as Registry) : undefined,
  );
  const prefix = reader.value('prefix', 'notify_queue_', 'the beginning of a metric name: letters, digits and _', (value) =>
    typeof value === 'string' && /^([a-z_]\w*)?$/i.test(value) ? value : undefined,
  );
  const statusIntervalMs = reader.durationOrFalse('statusInterval', 5_000);
  reader.done();
  return { attach: (jobQueue) => metricsIn(register, prefix).attach(jobQueue, statusIntervalMs) };
}
