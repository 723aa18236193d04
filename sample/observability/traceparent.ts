import { type Context, type TextMapPropagator, trace } from '@opentelemetry/api';

/** The W3C header `traceparent`. An application has it from its OpenTelemetry SDK. */
export const traceparent: TextMapPropagator = {
  fields: () => ['traceparent'],
  inject(active, carrier, setter) {
    const span = trace.getSpanContext(active);
    if (span) setter.set(carrier, 'traceparent', `00-${span.traceId}-${span.spanId}-0${span.traceFlags}`);
  },
  extract(active: Context, carrier, getter) {
    const [, traceId = '', spanId = '', flags] = String(getter.get(carrier, 'traceparent')).split('-');
    return traceId ? trace.setSpanContext(active, { traceId, spanId, traceFlags: Number(flags), isRemote: true }) : active;
  },
};
