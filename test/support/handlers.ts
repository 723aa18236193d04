import { Injectable, type Type } from '@nestjs/common';
import { JobHandler, type Job, type JobHandlerOptions } from '../../lib/index.js';

export type Handle = (job: Job<any>) => unknown;

/** A provider that handles each of these jobs, by name, with a function; for handlers of a line or two. */
export function handle(handlers: Record<string, Handle>, options: JobHandlerOptions = {}): Type {
  @Injectable()
  class Handlers {}
  for (const [name, run] of Object.entries(handlers)) {
    const descriptor = { value: (job: Job) => run(job), configurable: true, writable: true };
    (JobHandler(name, options) as MethodDecorator)(Handlers.prototype, name, descriptor);
    Object.defineProperty(Handlers.prototype, name, descriptor);
  }
  return Handlers;
}
