import type { EnqueuedJob } from '../interfaces/enqueue.interface.js';
import type { ObservedJobQueue } from '../interfaces/job-queue-stats.interface.js';
import type { EnqueueCall, JobMiddleware } from '../interfaces/job-middleware.interface.js';
import type { Job } from '../interfaces/job.interface.js';

type Enqueue = (call: EnqueueCall) => Promise<readonly EnqueuedJob[]>;
type Invoke = (...args: [job: Job, then?: unknown]) => unknown;

/** An enqueue with everything around it. */
export function aroundEnqueue(middleware: readonly JobMiddleware[], enqueue: Enqueue): Enqueue {
  return middleware.reduceRight<Enqueue>((next, one) => (one.enqueue ? (call) => one.enqueue!(call, () => next(call)) : next), enqueue);
}

/** A handler with everything around it. */
export function aroundRun(middleware: readonly JobMiddleware[], invoke: Invoke): Invoke {
  return middleware.reduceRight<Invoke>((next, one) => (one.run ? (...args) => one.run!(args[0], () => next(...args)) : next), invoke);
}

/** Shows the `JobQueue` to those that want to see it. Returns what ends it. */
export function attachAll(middleware: readonly JobMiddleware[], jobQueue: ObservedJobQueue): () => void {
  const ends: Array<() => void> = [];
  const end = (): void => ends.forEach((one) => one());
  try {
    for (const one of middleware) ends.push(one.attach?.(jobQueue) ?? (() => undefined));
  } catch (error) {
    end();
    throw error;
  }
  return end;
}
