import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { OptionReader } from '../core/option-reader.js';
import type { Duration } from '../interfaces/duration.interface.js';
import type { JobMiddleware } from '../interfaces/job-middleware.interface.js';
import { SCOPE } from './attributes.js';
import { measure, sendTimer, type SendTimer } from './job-metrics.js';
import { JobTracing } from './job-tracing.js';

export interface OpenTelemetryOptions {
  /** @default the global one */
  tracerProvider?: TracerProvider;
  /** @default the global one, which must be set before the application starts */
  meterProvider?: MeterProvider;
  /**
   * Begins a new trace for each run, linked to the span of its enqueue, instead of a span in that trace. For jobs that are
   * enqueued by the thousand, or run days later. @default false
   */
  newTraces?: boolean;
  /**
   * How often at most `jobQueue.status()` is read, for the gauges of the queues. False leaves these gauges out: they are the
   * same in every process, so one that reports them is enough. @default '5s'
   */
  statusInterval?: Duration | false;
}

/**
 * Traces from the enqueue to the commit of the outcome, across processes, and metrics. It needs an SDK to send them
 * anywhere.
 *
 * @example
 * NotifyQueueModule.forRoot({ middleware: [openTelemetry()] })
 * @throws InvalidOptionError for an option that is unknown or has a bad value
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): JobMiddleware {
  const reader = new OptionReader(options, 'openTelemetry');
  const tracerProvider = reader.value('tracerProvider', trace as TracerProvider, 'a TracerProvider', having<TracerProvider>('getTracer'));
  const meterProvider = reader.value('meterProvider', undefined, 'a MeterProvider', having<MeterProvider>('getMeter'));
  const newTraces = reader.boolean('newTraces', false);
  const statusIntervalMs = reader.durationOrFalse('statusInterval', 5_000);
  reader.done();
  const tracing = new JobTracing(tracerProvider.getTracer(...SCOPE), newTraces);
  let timed: SendTimer | undefined;
  return {
    enqueue: (call, next) => tracing.enqueue(call, timed ? () => timed!(next) : next),
    run: (job, next) => tracing.run(job, next),
    event: (event) => tracing.event(event),
    // Only here: a meter that was taken before the global provider is set would count nothing, for ever.
    attach(jobQueue) {
      const meter = (meterProvider ?? metrics).getMeter(...SCOPE);
      timed ??= sendTimer(meter);
      return measure(meter, jobQueue, statusIntervalMs);
    },
  };
}

function having<T extends object>(method: keyof T): (value: unknown) => T | undefined {
  return (value) => (typeof (value as T)[method] === 'function' ? (value as T) : undefined);
}
