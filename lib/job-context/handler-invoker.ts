import { Inject, Injectable } from '@nestjs/common';
import { ContextIdFactory, ExternalContextCreator, ModuleRef, type ContextId, type DiscoveryService, type ParamsFactory } from '@nestjs/core';
import { REQUEST_CONTEXT_ID } from '@nestjs/core/internal';
import type { Job } from '../interfaces/job.interface.js';
import { RESOLVED_OPTIONS } from '../notify-queue.constants.js';
import type { ResolvedOptions } from '../notify-queue.options.js';
import { jobContexts, type JobContexts } from './global-enhancers.js';
import { decoratedParams, hasEnhancers, PARAMS_METADATA } from './handler-metadata.js';
import { JOB_CONTEXT } from './job-context.js';
import { aroundRun } from './middleware.js';
import { Refusals } from './refusals.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];
type Callback = (...args: unknown[]) => unknown;
type Instance = Record<string, Callback>;
/** What the method is called with: the job, and the manager of its transaction if it has one; or how its batch goes on. */
type Args = [job: Job, then?: unknown];
type Invoke = (...args: Args) => unknown;

/** Where the payload is among the arguments that pipes may change. */
const PARAMS: ParamsFactory = {
  exchangeKeyForValue: (_type, property, [job]: [Job<Record<string, unknown> | null>]) =>
    typeof property === 'string' ? job.payload?.[property] : job.payload,
};
const OWN = { guards: true, interceptors: true, filters: false };
const FILTERS = { guards: false, interceptors: false, filters: true };

/** Calls handlers, with the guards, interceptors, pipes, filters and parameters that they have, or directly when they have none. */
@Injectable()
export class HandlerInvoker {
  private readonly contexts: JobContexts;
  private readonly refusals: Refusals;
  private readonly errors = new WeakMap<Job, unknown>();

  constructor(
    creator: ExternalContextCreator,
    @Inject(RESOLVED_OPTIONS) private readonly options: ResolvedOptions,
  ) {
    this.contexts = jobContexts(creator, options.enhancers);
    this.refusals = new Refusals(this.contexts.creator);
  }

  /** How to call this method of a provider. What applies to it is found out at the first call, when the application is complete. */
  of(wrapper: Wrapper, prototype: object, method: string): Invoke {
    let invoke: Invoke | undefined;
    return (...args) => (invoke ??= aroundRun(this.options.middleware, this.create(wrapper, prototype, method)))(...args);
  }

  /** How to call this method with many jobs, and what is around each of them. */
  ofBatch(wrapper: Wrapper, prototype: object, method: string): { invoke: Invoke; invokeAll: (jobs: readonly Job[]) => unknown } {
    let around: Invoke | undefined;
    return {
      invoke: (...args) => (around ??= aroundRun(this.options.middleware, this.createAround(wrapper, prototype, method)))(...args),
      invokeAll: (jobs) => (wrapper.instance as Instance)[method]?.(jobs),
    };
  }

  /** Guards, interceptors and filters as of the method, around what the job waits for in its place. */
  private createAround(wrapper: Wrapper, prototype: object, method: string): Invoke {
    const join = (_job: unknown, then: unknown): unknown => (then as () => unknown)();
    if (!hasEnhancers(prototype, method) && !this.contexts.hasGlobals()) return join;
    const instance = wrapper.instance as Instance;
    return this.inContext(instance, method, undefined, undefined, copyMetadata(instance[method] as object, join));
  }

  private create(wrapper: Wrapper, prototype: object, method: string): Invoke {
    const isPlain = !hasEnhancers(prototype, method) && decoratedParams(prototype, method).length === 0 && !this.contexts.hasGlobals();
    if (!wrapper.isDependencyTreeStatic()) return (...args) => this.inScope(wrapper, method, isPlain, args);
    // By name at each call, so that a method replaced later, by a spy or a proxy, is the one called.
    if (isPlain) return (...args) => (wrapper.instance as Instance)[method]?.(...args);
    return this.inContext(wrapper.instance as Instance, method);
  }

  /** An instance for this job, or for its tenant, with the job as its request. */
  private async inScope(wrapper: Wrapper, method: string, isPlain: boolean, args: Args): Promise<unknown> {
    const [job] = args;
    const contextId = ContextIdFactory.getByRequest(job);
    Object.defineProperty(job, REQUEST_CONTEXT_ID, { value: contextId });
    const modules = wrapper.host!.getProviderByKey<ModuleRef>(ModuleRef).instance;
    const request: unknown = wrapper.isDependencyTreeDurable() ? contextId.payload : job;
    modules.registerRequestByContextId(request, contextId);
    const instance = await modules.resolve<Instance>(wrapper.token as string, contextId, { strict: true });
    return isPlain ? instance[method]?.(...args) : this.inContext(instance, method, contextId, wrapper.id)(...args);
  }

  private inContext(instance: Instance, method: string, contextId?: ContextId, inquirerId?: string, callback = instance[method] as Callback): Invoke {
    const { creator } = this.contexts;
    const run = creator.create(instance, callback, method, PARAMS_METADATA, PARAMS, contextId, inquirerId, OWN, JOB_CONTEXT);
    const rethrow = copyMetadata(callback, (job: unknown) => {
      throw this.errors.get(job as Job);
    });
    const observe = creator.create(instance, rethrow, method, undefined, undefined, contextId, inquirerId, FILTERS, JOB_CONTEXT);
    return async (...args) => {
      const [job] = args;
      try {
        return await run(...args);
      } catch (error) {
        // A filter may look at the error. What becomes of the job is not its business.
        this.errors.set(job, error);
        await observe(job).catch(() => undefined);
        throw this.refusals.toOutcome(error);
      }
    };
  }
}

/** Filters are found by what the method carries. */
function copyMetadata<To extends Callback>(from: object, to: To): To {
  for (const key of Reflect.getMetadataKeys(from)) Reflect.defineMetadata(key, Reflect.getMetadata(key, from), to);
  return to;
}
