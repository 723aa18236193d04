import { VERSION } from '../version.js';

/** Name and version of the tracer and the meter. */
export const SCOPE = ['nestjs-notify-queue', VERSION] as const;

/** Attributes of spans and metrics, by the semantic conventions for messaging where these have one. */
export const ATTRIBUTES = {
  system: 'messaging.system',
  operation: 'messaging.operation.name',
  operationType: 'messaging.operation.type',
  queue: 'messaging.destination.name',
  jobId: 'messaging.message.id',
  count: 'messaging.batch.message_count',
  errorType: 'error.type',
  /** Of `forRoot({ name })`. */
  jobQueue: 'notify_queue.name',
  name: 'notify_queue.job.name',
  attempt: 'notify_queue.job.attempt',
  outcome: 'notify_queue.job.outcome',
  state: 'notify_queue.job.state',
} as const;

/** What every span and measurement of an operation says of it. */
export function operation(name: 'send' | 'process' | 'settle'): Record<string, string> {
  return { [ATTRIBUTES.system]: 'notify_queue', [ATTRIBUTES.operation]: name, [ATTRIBUTES.operationType]: name };
}
