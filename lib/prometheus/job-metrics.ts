import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { JOB_BUCKETS, JOB_COUNTERS, JOB_HISTOGRAMS, JOB_TIMES, PROCESS_METRICS, QUEUE_GAUGES } from '../core/job-metrics.js';
import { StatusReader } from '../core/status-reader.js';
import type { JobEvent, JobEventKind } from '../interfaces/job-event.interface.js';
import type { ObservedJobQueue } from '../interfaces/job-queue-stats.interface.js';

const JOB_LABELS = ['job_queue', 'queue', 'name'];
const known = new WeakMap<Registry, Map<string, JobMetrics>>();

/** The metrics with this prefix that the registry has, or new ones. */
export function metricsIn(register: Registry, prefix: string): JobMetrics {
  const byPrefix = known.get(register) ?? new Map<string, JobMetrics>();
  known.set(register, byPrefix);
  let metrics = byPrefix.get(prefix);
  if (!metrics?.isRegistered) byPrefix.set(prefix, (metrics = new JobMetrics(register, prefix)));
  return metrics;
}

/** The metrics of every `JobQueue` that writes to one registry under one prefix, told apart by the label `job_queue`. */
class JobMetrics {
  private readonly counters = new Map<JobEventKind, Counter>();
  private readonly histograms: Record<(typeof JOB_TIMES)[number], Histogram>;
  private readonly readers = new Map<ObservedJobQueue, StatusReader>();

  constructor(
    private readonly register: Registry,
    private readonly prefix: string,
  ) {
    for (const [kind, { name, help }] of Object.entries(JOB_COUNTERS)) {
      this.counters.set(kind as JobEventKind, new Counter({ ...this.about(`${name}_total`, help), labelNames: JOB_LABELS }));
    }
    const histogramOf = ({ name, help, unit }: (typeof JOB_HISTOGRAMS)[keyof typeof JOB_HISTOGRAMS]): Histogram =>
      new Histogram({ ...this.about(name, help, unit), labelNames: JOB_LABELS, buckets: JOB_BUCKETS });
    this.histograms = { waitTimeMs: histogramOf(JOB_HISTOGRAMS.waitTimeMs), runTimeMs: histogramOf(JOB_HISTOGRAMS.runTimeMs) };
    this.addQueueGauges();
    this.addProcessMetrics();
  }

  /** False after `register.clear()`. */
  get isRegistered(): boolean {
    const [counter] = this.counters.values();
    return this.register.getSingleMetric(`${this.prefix}jobs_enqueued_total`) === counter;
  }

  /** Returns what ends it. */
  attach(jobQueue: ObservedJobQueue, statusIntervalMs: number | false): () => void {
    this.readers.set(jobQueue, new StatusReader(jobQueue, statusIntervalMs));
    const subscription = jobQueue.events$.subscribe((event) => this.record(jobQueue.name, event));
    return () => {
      subscription.unsubscribe();
      this.readers.delete(jobQueue);
    };
  }

  private record(jobQueue: string, event: JobEvent): void {
    const labels = { job_queue: jobQueue, queue: event.queue, name: event.name };
    this.counters.get(event.kind)?.inc(labels);
    for (const time of JOB_TIMES) {
      const ms = event[time];
      if (ms !== undefined) this.histograms[time].observe(labels, ms / 1_000);
    }
  }

  private addQueueGauges(): void {
    const { readers } = this;
    for (const { name, help, unit, byState, read } of QUEUE_GAUGES) {
      new Gauge({
        ...this.about(name, help, unit),
        labelNames: ['job_queue', 'queue', ...(byState ? ['state'] : [])],
        async collect() {
          const found = await Promise.all([...readers].map(async ([{ name: jobQueue }, reader]) => ({ jobQueue, status: await reader.read() })));
          this.reset(); // also of queues that are no more, and of all while the database is away
          for (const { jobQueue, status } of found) {
            for (const queue of status?.queues ?? []) {
              for (const [state, value] of read(queue)) this.set({ job_queue: jobQueue, queue: queue.queue, ...(byState && { state }) }, value);
            }
          }
        },
      });
    }
  }

  private addProcessMetrics(): void {
    const { readers } = this;
    for (const { name, kind, help, unit, read } of PROCESS_METRICS) {
      const valuesOf = (): Array<readonly [labels: { job_queue: string }, value: number]> =>
        [...readers.keys()].flatMap((jobQueue) => {
          const value = read(jobQueue.stats());
          return value === undefined ? [] : [[{ job_queue: jobQueue.name }, value] as const];
        });
      const options = { ...this.about(kind === 'counter' ? `${name}_total` : name, help, unit), labelNames: ['job_queue'] };
      if (kind === 'gauge') {
        new Gauge({
          ...options,
          collect() {
            this.reset();
            for (const [labels, value] of valuesOf()) this.set(labels, value);
          },
        });
      } else {
        new Counter({
          ...options,
          collect() {
            this.reset();
            for (const [labels, value] of valuesOf()) this.inc(labels, value);
          },
        });
      }
    }
  }

  private about(name: string, help: string, unit?: 's') {
    return { name: `${this.prefix}${name.replaceAll('.', '_')}${unit ? '_seconds' : ''}`, help, registers: [this.register] };
  }
}
