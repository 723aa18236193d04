import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, type SpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NotifyQueueModule } from 'nestjs-notify-queue';
import { openTelemetry } from 'nestjs-notify-queue/opentelemetry';
import type { TextMapPropagator } from '@opentelemetry/api';

// #region module
export const queue = NotifyQueueModule.forRoot({ middleware: [openTelemetry()] });
// #endregion

// #region links
export const bulk = NotifyQueueModule.forRoot({ middleware: [openTelemetry({ newTraces: true })] });
// #endregion

// #region sdk
export function startTracing(exporter: SpanExporter, w3c: TextMapPropagator) {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(w3c); // W3CTraceContextPropagator of @opentelemetry/core
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
}
// #endregion
