// TRACES=console: prints each span when it has ended. An application would start an OpenTelemetry SDK with an exporter here,
// and leave the rest as it is.
import { context, propagation } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, type ReadableSpan, SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { JobMiddleware } from 'nestjs-notify-queue';
import { openTelemetry } from 'nestjs-notify-queue/opentelemetry';
import { traceparent } from './traceparent.js';

export function printedTraces(): JobMiddleware {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(traceparent);
  return openTelemetry({ tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(printer)] }) });
}

const printer: SpanExporter = {
  export(spans, done) {
    for (const span of spans) console.log(lineOf(span));
    done({ code: 0 });
  },
  shutdown: async () => undefined,
};

function lineOf(span: ReadableSpan): string {
  const { traceId, spanId } = span.spanContext();
  const [seconds, nanoseconds] = span.duration;
  const ms = (seconds * 1_000 + nanoseconds / 1_000_000).toFixed(1);
  const { 'notify_queue.job.name': job, 'notify_queue.job.attempt': attempt, 'notify_queue.job.outcome': outcome } = span.attributes;
  const words = [job, attempt && `attempt ${attempt}`, outcome, span.status.message].filter(Boolean).join(', ');
  return `trace ${traceId.slice(0, 8)}  ${span.parentSpanContext?.spanId ?? '-'.repeat(16)} > ${spanId}  ${span.name} ${ms} ms  ${words}`;
}
