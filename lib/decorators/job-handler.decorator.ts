import 'reflect-metadata';
import type { EntityManager } from 'typeorm';
import { InvalidHandlerError } from '../errors/configuration.errors.js';
import type { BatchOptions, BatchOutcomes } from '../interfaces/batch.interface.js';
import type { Job } from '../interfaces/job.interface.js';
import type { JobDefinition, JobTypes, ResultOf, RunOptions } from '../interfaces/job-definition.interface.js';

export interface JobHandlerOptions extends RunOptions {
  /**
   * True gives the handler a transaction: its `EntityManager` is the second argument. What is written and enqueued by it
   * and the completion of the job are committed together, or not at all. @default false
   */
  transactional?: boolean;
  /** Lets the handler take many jobs in one call, in one slot: its argument is an array of them. */
  batch?: BatchOptions;
  /** @default the definition's queue, else 'default' */
  queue?: string;
  /** Name of the `NotifyQueueModule.forRoot` whose jobs it handles. @default the definition's, else 'default' */
  jobQueue?: string;
}

/** What the decorator leaves on a method. */
export interface JobHandlerMetadata {
  readonly job: JobDefinition | string;
  readonly options: JobHandlerOptions;
}

/** Registered symbol, so that two copies of this package find each other's handlers. */
export const JOB_HANDLER_METADATA = Symbol.for('nestjs-notify-queue:job-handler');

type HandledPayload<Name extends string> = Name extends keyof JobTypes
  ? JobTypes[Name] extends { payload: infer Payload }
    ? Payload
    : never
  : never;

/** A method that takes the `Job` must take this payload. What parameters with decorators get, their decorators say. */
type TakesPayload<Method extends (...args: never[]) => unknown, Payload> =
  Parameters<Method> extends [infer First, ...unknown[]]
    ? [First] extends [Job<infer Taken>]
      ? [Payload] extends [Taken]
        ? unknown
        : { readonly 'The payload of the job is': Payload }
      : [First] extends [ReadonlyArray<Job>]
        ? { readonly 'Many jobs are given with': '{ batch: { size } }' }
        : unknown
    : unknown;

/** A method that takes the `Job` and something else is given a manager, if it is transactional, and else nothing more. */
type TakesManager<Method extends (...args: never[]) => unknown, IsTransactional> =
  Parameters<Method> extends [Job<infer _Payload>, infer Second]
    ? IsTransactional extends true
      ? [EntityManager] extends [Second]
        ? unknown
        : { readonly 'The second argument is an': EntityManager }
      : [Second] extends [EntityManager]
        ? { readonly 'There is no EntityManager without': '{ transactional: true }' }
        : unknown
    : unknown;

type HandlerMethod<Payload, Result, IsTransactional = false> = <Method extends (...args: never[]) => Result | Promise<Result>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & TakesPayload<Method, Payload> & TakesManager<Method, IsTransactional>,
) => void;

/** A batch handler takes an array of jobs with this payload, and nothing else. */
type TakesJobs<Method extends (...args: never[]) => unknown, Payload> =
  Parameters<Method> extends []
    ? unknown
    : Parameters<Method> extends [infer All]
      ? [Array<Job<Payload>>] extends [All]
        ? unknown
        : { readonly 'The argument of a batch handler is': ReadonlyArray<Job<Payload>> }
      : { readonly 'A batch handler has one argument': ReadonlyArray<Job<Payload>> };

type BatchMethod<Payload, Result> = <Method extends (...args: never[]) => BatchOutcomes<Result> | Promise<BatchOutcomes<Result>>>(
  target: object,
  key: string | symbol,
  descriptor: TypedPropertyDescriptor<Method> & TakesJobs<Method, Payload>,
) => void;

type Transactional = JobHandlerOptions & { readonly transactional: true; readonly batch?: undefined };
type InBatches = JobHandlerOptions & { readonly batch: BatchOptions; readonly transactional?: false };

/**
 * Makes a method of any provider or controller the handler of a job.
 *
 * @example
 * @Injectable()
 * class Invoices {
 *   @JobHandler(SendInvoice)
 *   async send(job: Job<{ orderId: string }>) {
 *     return { pages: await this.render(job.payload.orderId, job.signal) };
 *   }
 *
 *   @JobHandler(BookInvoice, { transactional: true })
 *   async book(job: Job<{ orderId: string }>, manager: EntityManager) {
 *     await manager.insert(Booking, { orderId: job.payload.orderId });
 *   }
 *
 *   @JobHandler(IndexInvoice, { batch: { size: 100, wait: '50ms' } })
 *   async index(jobs: ReadonlyArray<Job<{ orderId: string }>>) {
 *     await this.search.addAll(jobs.map((job) => job.payload.orderId));
 *   }
 * }
 */
export function JobHandler<Payload, Result, Handled>(
  definition: JobDefinition<Payload, Result, Handled>,
  options: InBatches,
): BatchMethod<Handled, Result>;
export function JobHandler<Name extends string>(name: Name, options: InBatches): BatchMethod<HandledPayload<Name>, ResultOf<Name>>;
export function JobHandler<Payload, Result, Handled>(
  definition: JobDefinition<Payload, Result, Handled>,
  options: Transactional,
): HandlerMethod<Handled, Result, true>;
export function JobHandler<Name extends string>(
  name: Name,
  options: Transactional,
): HandlerMethod<HandledPayload<Name>, ResultOf<Name>, true>;
export function JobHandler<Payload, Result, Handled>(
  definition: JobDefinition<Payload, Result, Handled>,
  options?: JobHandlerOptions,
): HandlerMethod<Handled, Result>;
export function JobHandler<Name extends string>(
  name: Name,
  options?: JobHandlerOptions,
): HandlerMethod<HandledPayload<Name>, ResultOf<Name>>;
export function JobHandler(job: JobDefinition | string, options: JobHandlerOptions = {}) {
  return (_target: object, key: string | symbol, descriptor: PropertyDescriptor | undefined): void => {
    const method: unknown = descriptor?.value;
    if (typeof method !== 'function') throw new InvalidHandlerError(`@JobHandler on ${String(key)}: decorate a method.`);
    const earlier = (Reflect.getOwnMetadata(JOB_HANDLER_METADATA, method) ?? []) as JobHandlerMetadata[];
    Reflect.defineMetadata(JOB_HANDLER_METADATA, [...earlier, { job, options }], method);
  };
}
