import { context, propagation, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AbandonJobError, type Job, Retry, SnoozeJobError } from '../../../lib/index.js';
import { JobTracing } from '../../../lib/opentelemetry/job-tracing.js';
import { openTelemetry } from '../../../lib/opentelemetry/index.js';
import { traceparent } from '../../../sample/observability/traceparent.js';
import { useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';
import { startObservedWorker } from '../../support/observed-worker.js';
import { until } from '../../support/wait.js';

describe('openTelemetry', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '1m' });
  const spans = new InMemorySpanExporter();
  const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name);

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(traceparent);
  });
  afterAll(() => {
    context.disable();
    propagation.disable();
  });
  beforeEach(() => spans.reset());

  it('is one trace from the enqueue in one application to the commit in another', async () => {
    const tracer = tracerProvider.getTracer('test');
    const mail = async () => tracer.startSpan('smtp').end();
    const worker = await start({ providers: [handle({ mail }, { queue: 'mails' })], queue: { middleware: [openTelemetry({ tracerProvider })] } });
    const web = await start({ queue: { role: 'producer', middleware: [openTelemetry({ tracerProvider })] } });
    const job = await tracer.startActiveSpan('request', async (request) => {
      const enqueued = await web.queue.enqueue('mail', {}, { queue: 'mails' });
      request.end();
      return enqueued;
    });
    await worker.queue.result(job);
    await until(() => named('settle mails').length === 1);

    const [request] = named('request');
    const [send] = named('send mails');
    const [run] = named('process mails');
    const [smtp] = named('smtp');
    const [settle] = named('settle mails');
    const parents = [send, run, smtp, settle].map((span) => span?.parentSpanContext?.spanId);
    expect(parents).toEqual([request, send, run, run].map((span) => span?.spanContext().spanId));
    expect(new Set(spans.getFinishedSpans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect([send?.kind, run?.kind, settle?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.CONSUMER, SpanKind.CLIENT]);
    const common = { 'messaging.system': 'notify_queue', 'messaging.destination.name': 'mails', 'messaging.message.id': job.id, 'notify_queue.job.name': 'mail' };
    expect(send?.attributes).toEqual({ ...common, 'messaging.operation.name': 'send', 'messaging.operation.type': 'send' });
    expect(run?.attributes).toEqual({ ...common, 'messaging.operation.name': 'process', 'messaging.operation.type': 'process', 'notify_queue.job.attempt': 1 });
    expect(settle?.attributes).toMatchObject({ ...common, 'messaging.operation.type': 'settle', 'notify_queue.job.outcome': 'completed' });
    expect(run?.status.code).toBe(SpanStatusCode.UNSET);
    expect(run?.links.map((link) => link.context.spanId)).toEqual([send?.spanContext().spanId]);
  });

  it('is one trace across processes: the enqueue here, the run and its commit there', async () => {
    const worker = await startObservedWorker(database.url);
    const web = await start({ queue: { role: 'producer', middleware: [openTelemetry({ tracerProvider })] } });
    await web.queue.result(await web.queue.enqueue('mail', {}));
    const there = (name: string) => worker.lines.find(({ span }) => span === name);
    const settle = await until(() => there('settle default'));
    const { traceId, spanId } = named('send default')[0]!.spanContext();
    expect(there('process default')).toMatchObject({ traceId, parent: spanId });
    expect(settle).toMatchObject({ traceId, parent: there('process default')!['spanId'] });
  });

  it('with newTraces a run has a trace of its own, linked to that of its enqueue', async () => {
    const providers = [handle({ work: () => 1 })];
    const { queue } = await start({ providers, queue: { middleware: [openTelemetry({ tracerProvider, newTraces: true })] } });
    const jobs = await queue.enqueueMany('work', [1, 2]);
    await Promise.all(jobs.map((job) => queue.result(job)));
    await until(() => named('settle default').length === 2);
    const send = named('send default')[0]!.spanContext();
    const runs = named('process default');
    expect(runs.map(({ links }) => links.map(({ context: { traceId, spanId } }) => ({ traceId, spanId })))).toEqual([1, 2].map(() => [{ traceId: send.traceId, spanId: send.spanId }]));
    expect(runs.map(({ parentSpanContext }) => parentSpanContext)).toEqual([undefined, undefined]);
    expect(new Set([send, ...runs.map((run) => run.spanContext())].map(({ traceId }) => traceId)).size).toBe(3);
    expect(named('settle default').map(({ parentSpanContext }) => parentSpanContext?.traceId).sort()).toEqual(runs.map((run) => run.spanContext().traceId).sort());
  });

  it('a failure sets the status, each attempt has its span, and snoozing is no failure', async () => {
    const work = (job: Job) => {
      if (job.attempt === 1) throw new RangeError('Too far');
    };
    let naps = 0;
    const nap = () => {
      if (++naps === 1) throw new SnoozeJobError(1);
    };
    const { queue } = await start({
      providers: [handle({ work }, { failureMode: Retry({ times: 1, delay: 0 }) }), handle({ nap }, { queue: 'naps' })],
      queue: { middleware: [openTelemetry({ tracerProvider })] },
    });
    await queue.result(await queue.enqueue('work', {}));
    await until(() => named('settle default').length === 2);
    const [first, second] = named('process default');
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'Too far' });
    expect(first?.attributes['error.type']).toBe('RangeError');
    expect(first?.events[0]?.attributes).toMatchObject({ 'exception.type': 'RangeError', 'exception.message': 'Too far' });
    expect(second?.status.code).toBe(SpanStatusCode.UNSET);
    expect(second?.attributes['notify_queue.job.attempt']).toBe(2);
    expect(named('settle default').map((span) => span.attributes['notify_queue.job.outcome'])).toEqual(['retried', 'completed']);
    expect(second?.parentSpanContext?.spanId).toBe(named('send default')[0]?.spanContext().spanId);

    await queue.result(await queue.enqueue('nap', {}));
    await until(() => named('settle naps').length === 2);
    expect(named('process naps').map((span) => span.status.code)).toEqual([SpanStatusCode.UNSET, SpanStatusCode.UNSET]);
  });

  it('a bulk enqueue is one span, one of nothing is none, one that is refused has failed', async () => {
    const { queue } = await start({ queue: { role: 'producer', queues: { bulk: {} }, middleware: [openTelemetry({ tracerProvider })], allowUnknownQueues: false } });
    await queue.enqueueMany('work', [], { queue: 'bulk' });
    expect(spans.getFinishedSpans()).toEqual([]);
    await queue.enqueueMany('work', [1, 2, 3], { queue: 'bulk' });
    expect(named('send bulk')[0]?.attributes).toMatchObject({ 'messaging.batch.message_count': 3 });
    await expect(queue.enqueueMany('work', [1, 2], { queue: 'nowhere' })).rejects.toMatchObject({ code: 'UNKNOWN_QUEUE' });
    expect(named('send')[0]).toMatchObject({ status: { code: SpanStatusCode.ERROR }, attributes: { 'messaging.batch.message_count': 2 } });
  });

  it('keeps nothing of a run when its outcome is committed', async () => {
    const tracing = new JobTracing(tracerProvider.getTracer('test'));
    const middleware = { run: tracing.run.bind(tracing), event: tracing.event.bind(tracing) };
    const ends = () => {
      throw new AbandonJobError('No');
    };
    const { queue } = await start({ providers: [handle({ work: () => 1, ends })], queue: { middleware: [middleware] } });
    const jobs = [...(await queue.enqueueMany('work', [1, 2, 3])), ...(await queue.enqueueMany('ends', [1, 2, 3]))];
    await Promise.allSettled(jobs.map((job) => queue.result(job)));
    await until(() => named('settle default').length === 6);
    expect(tracing.kept).toBe(0);
  });

  it('a trace that is not sampled leaves no spans, and goes on as not sampled', async () => {
    const sampler = { shouldSample: () => ({ decision: 0 }) };
    const unsampled = new BasicTracerProvider({ sampler, spanProcessors: [new SimpleSpanProcessor(spans)] });
    const tracing = new JobTracing(unsampled.getTracer('test'));
    const middleware = { enqueue: tracing.enqueue.bind(tracing), run: tracing.run.bind(tracing), event: tracing.event.bind(tracing) };
    const carried = (job: Job) => ({ kept: tracing.kept, traceparent: job.context['traceparent'] });
    const { queue } = await start({ providers: [handle({ carried })], queue: { middleware: [middleware] } });
    expect(await queue.result(await queue.enqueue('carried', {}))).toEqual({ kept: 0, traceparent: expect.stringMatching(/^00-\w{32}-\w{16}-00$/) });
    expect(spans.getFinishedSpans()).toEqual([]);
  });

  it('counts, measures and observes through the meter, without ids', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const meterProvider = new MeterProvider({ readers: [reader] });
    const fail = () => {
      throw new AbandonJobError('No');
    };
    const { queue } = await start({ providers: [handle({ work: () => 1, fail })], queue: { middleware: [openTelemetry({ tracerProvider, meterProvider })] } });
    const jobs = [...(await queue.enqueueMany('work', [1, 2, 3])), await queue.enqueue('fail', {}), await queue.enqueue('work', {}, { delay: '1h' })];
    await Promise.allSettled(jobs.slice(0, 4).map((job) => queue.result(job)));
    await until(() => named('settle default').length === 4);
    await meterProvider.forceFlush();
    const metrics = exporter.getMetrics().at(-1)!.scopeMetrics.flatMap((scope) => scope.metrics);
    const pointsOf = (name: string) => metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? [];
    const valueOf = (name: string, job: string) => pointsOf(name).find(({ attributes }) => attributes['notify_queue.job.name'] === job)?.value;
    expect(valueOf('notify_queue.jobs.enqueued', 'work')).toBe(4);
    expect(valueOf('notify_queue.jobs.started', 'work')).toBe(3);
    expect(valueOf('notify_queue.jobs.completed', 'work')).toBe(3);
    expect(valueOf('notify_queue.jobs.failed', 'fail')).toBe(1);
    expect(valueOf('notify_queue.job.wait.duration', 'work')).toMatchObject({ count: 3 });
    expect(valueOf('messaging.process.duration', 'work')).toMatchObject({ count: 3 });
    const queueIs = ({ attributes }: { attributes: object }) => Object.entries(attributes).some(([key, value]) => key === 'messaging.destination.name' && value === 'default');
    const states = pointsOf('notify_queue.jobs').filter(queueIs).map(({ attributes, value }) => [attributes['notify_queue.job.state'], value]);
    expect(Object.fromEntries(states)).toEqual({ scheduled: 1, available: 0, blocked: 0, held: 0, reserved: 0 });
    expect(pointsOf('notify_queue.oldest_due.age').find(queueIs)).toMatchObject({ value: 0 });
    expect(pointsOf('messaging.process.duration').find(({ attributes }) => attributes['error.type'])?.attributes).toEqual({
      'notify_queue.name': 'default',
      'notify_queue.job.name': 'fail',
      'messaging.destination.name': 'default',
      'messaging.system': 'notify_queue',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'error.type': 'AbandonJobError',
    });
    expect(pointsOf('messaging.client.operation.duration')[0]).toMatchObject({ value: { count: 3 }, attributes: { 'messaging.operation.name': 'send' } });
    expect(pointsOf('notify_queue.enqueue.calls')[0]).toMatchObject({ value: 3, attributes: { 'notify_queue.name': 'default' } });
    expect(pointsOf('notify_queue.listener.reconnects')[0]).toMatchObject({ value: 0 });
    expect(JSON.stringify(metrics)).not.toContain(jobs[0]!.id);
    await meterProvider.shutdown();
  });
});
