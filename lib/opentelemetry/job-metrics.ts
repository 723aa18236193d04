import type { Attributes, BatchObservableResult, Counter, Histogram, Meter, Observable } from '@opentelemetry/api';
import { toFailureRecord } from '../core/failure-record.js';
import { JOB_BUCKETS, JOB_COUNTERS, JOB_HISTOGRAMS, JOB_TIMES, PROCESS_METRICS, QUEUE_GAUGES } from '../core/job-metrics.js';
import { StatusReader } from '../core/status-reader.js';
import type { EnqueuedJob } from '../interfaces/enqueue.interface.js';
import type { JobEvent } from '../interfaces/job-event.interface.js';
import type { ObservedJobQueue } from '../interfaces/job-queue-stats.interface.js';
import { ATTRIBUTES, operation } from './attributes.js';

type Enqueue = () => Promise<readonly EnqueuedJob[]>;
export type SendTimer = (enqueue: Enqueue) => Promise<readonly EnqueuedJob[]>;

/** Measures how long enqueues take. */
export function sendTimer(meter: Meter): SendTimer {
  const histogram = meter.createHistogram('messaging.client.operation.duration', {
    description: 'How long enqueues took',
    unit: 's',
    advice: { explicitBucketBoundaries: JOB_BUCKETS },
  });
  return async (enqueue) => {
    const startedAt = performance.now();
    const record = (more: Attributes): void => histogram.record((performance.now() - startedAt) / 1_000, { ...operation('send'), ...more });
    try {
      const jobs = await enqueue();
      if (jobs[0]) record({ [ATTRIBUTES.queue]: jobs[0].queue });
      return jobs;
    } catch (error) {
      record({ [ATTRIBUTES.errorType]: toFailureRecord(error).name });
      throw error;
    }
  };
}

/** Counters, histograms and gauges of a `JobQueue`. Returns what ends them. */
export function measure(meter: Meter, jobQueue: ObservedJobQueue, statusIntervalMs: number | false): () => void {
  const ends = [countJobs(meter, jobQueue), observeQueues(meter, jobQueue, statusIntervalMs), observeProcess(meter, jobQueue)];
  return () => ends.forEach((end) => end());
}

function countJobs(meter: Meter, jobQueue: ObservedJobQueue): () => void {
  const counters = new Map<string, Counter>();
  for (const [kind, { name, help }] of Object.entries(JOB_COUNTERS)) {
    counters.set(kind, meter.createCounter(`notify_queue.${name}`, { description: help, unit: '{job}' }));
  }
  const histogramOf = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { description, unit: 's', advice: { explicitBucketBoundaries: JOB_BUCKETS } });
  const histograms = {
    waitTimeMs: histogramOf(`notify_queue.${JOB_HISTOGRAMS.waitTimeMs.name}`, JOB_HISTOGRAMS.waitTimeMs.help),
    // For this one the semantic conventions have a name.
    runTimeMs: histogramOf('messaging.process.duration', JOB_HISTOGRAMS.runTimeMs.help),
  };
  const subscription = jobQueue.events$.subscribe((event) => {
    const attributes: Attributes = { [ATTRIBUTES.jobQueue]: jobQueue.name, [ATTRIBUTES.queue]: event.queue, [ATTRIBUTES.name]: event.name };
    counters.get(event.kind)?.add(1, attributes);
    for (const time of JOB_TIMES) {
      const ms = event[time];
      if (ms !== undefined) histograms[time].record(ms / 1_000, time === 'runTimeMs' ? { ...attributes, ...processing(event) } : attributes);
    }
  });
  return () => subscription.unsubscribe();
}

function processing({ failure }: JobEvent): Attributes {
  return { ...operation('process'), ...(failure && { [ATTRIBUTES.errorType]: failure.name }) };
}

function observeQueues(meter: Meter, jobQueue: ObservedJobQueue, statusIntervalMs: number | false): () => void {
  const reader = new StatusReader(jobQueue, statusIntervalMs);
  const gauges = QUEUE_GAUGES.map((gauge) => ({ ...gauge, instrument: createGauge(meter, gauge) }));
  return observe(meter, gauges.map(({ instrument }) => instrument), async (result) => {
    const status = await reader.read();
    for (const queue of status?.queues ?? []) {
      for (const { instrument, read } of gauges) {
        for (const [state, value] of read(queue)) {
          const attributes = { [ATTRIBUTES.jobQueue]: jobQueue.name, [ATTRIBUTES.queue]: queue.queue };
          result.observe(instrument, value, state === undefined ? attributes : { ...attributes, [ATTRIBUTES.state]: state });
        }
      }
    }
  });
}

function observeProcess(meter: Meter, jobQueue: ObservedJobQueue): () => void {
  const metrics = PROCESS_METRICS.map((metric) => ({ ...metric, instrument: createGauge(meter, metric, metric.kind === 'counter') }));
  return observe(meter, metrics.map(({ instrument }) => instrument), (result) => {
    const stats = jobQueue.stats();
    for (const { instrument, read } of metrics) {
      const value = read(stats);
      if (value !== undefined) result.observe(instrument, value, { [ATTRIBUTES.jobQueue]: jobQueue.name });
    }
  });
}

function createGauge(meter: Meter, { name, help, unit }: { name: string; help: string; unit?: 's' }, counts = false): Observable {
  const options = { description: help, ...(unit && { unit }) };
  return counts ? meter.createObservableCounter(`notify_queue.${name}`, options) : meter.createObservableGauge(`notify_queue.${name}`, options);
}

function observe(meter: Meter, instruments: Observable[], callback: (result: BatchObservableResult) => void | Promise<void>): () => void {
  meter.addBatchObservableCallback(callback, instruments);
  return () => meter.removeBatchObservableCallback(callback, instruments);
}
