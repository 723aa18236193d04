import { Injectable } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { stagesOf } from './core/failure-modes.js';
import { isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { peek } from './core/peek.js';
import { readContract } from './core/payload-contract.js';
import { readRunOptions, type RunSettings } from './core/run-options.js';
import { JOB_HANDLER_METADATA, type JobHandlerMetadata } from './decorators/job-handler.decorator.js';
import { isJobManager } from './decorators/job-params.decorators.js';
import { readUnique } from './core/unique.js';
import { contractOf, readGroup, readJobQueue, readPriority, readQueue } from './define-job.js';
import { HandlerConflictError, InvalidHandlerError, InvalidOptionError } from './errors/configuration.errors.js';
import type { FoundHandler } from './handler-registry.js';
import type { FailureHandler } from './interfaces/failure-mode.interface.js';
import type { SuccessHandler } from './interfaces/success-mode.interface.js';
import { checkBatch, readBatch } from './job-context/batch-handlers.js';
import { HandlerInvoker } from './job-context/handler-invoker.js';
import { paramMarks } from './job-context/handler-metadata.js';
import type { BatchSize } from './runtime/forming-batch.js';
import { DEFAULT_NAME, DEFAULT_QUEUE } from './notify-queue.constants.js';
import { badHandlerOption, managerWithoutTransaction, modeClassMissing, noSuchModule, transientHandler, twoQueues, undecoratedParam } from './notify-queue.messages.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

/**
 * Finds `@JobHandler` methods and custom failure and success modes among all providers and
 * controllers. It returns what it finds and starts nothing. Metadata is read from prototypes, and
 * accessors are skipped: calling a getter of somebody's class could do anything.
 */
@Injectable()
export class ProcessorExplorer {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
    private readonly invoker: HandlerInvoker,
  ) {}

  /** Those of one `forRoot`. @throws InvalidHandlerError, InvalidOptionError, HandlerConflictError */
  findHandlers(jobQueue: string): FoundHandler[] {
    return this.allHandlers().filter((handler) => handler.jobQueue === jobQueue);
  }

  /** @throws InvalidHandlerError when one names a JobQueue that is not among these */
  checkJobQueues(names: readonly string[]): void {
    for (const { jobQueue, method } of this.allHandlers()) {
      if (!names.includes(jobQueue)) throw new InvalidHandlerError(noSuchModule(jobQueue, method, names));
    }
  }

  private allHandlers(): FoundHandler[] {
    const seen = new Set<object>();
    return this.wrappers().flatMap((wrapper) => {
      const prototype = prototypeOf(wrapper);
      if (!prototype || (wrapper.instance && seen.has(wrapper.instance as object))) return [];
      if (wrapper.instance) seen.add(wrapper.instance as object);
      return this.scanner
        .getAllMethodNames(prototype)
        .flatMap((method) => this.handlersOf(wrapper, prototype, method));
    });
  }

  /** @throws InvalidHandlerError when no provider has that class */
  findFailureHandler(className: string): FailureHandler {
    return this.findMode<FailureHandler>(className, 'handleFailure');
  }

  /** @throws InvalidHandlerError when no provider has that class */
  findSuccessHandler(className: string): SuccessHandler {
    return this.findMode<SuccessHandler>(className, 'handleSuccess');
  }

  /** @throws InvalidHandlerError when a custom mode of these settings has no provider */
  checkModes({ failureMode, successMode }: RunSettings): void {
    for (const stage of failureMode ? stagesOf(failureMode) : []) {
      if (stage.mode === 'custom') this.findFailureHandler(stage.className);
    }
    if (successMode?.mode === 'custom') this.findSuccessHandler(successMode.className);
  }

  private handlersOf(wrapper: Wrapper, prototype: object, method: string): FoundHandler[] {
    const marks = marksOf(prototype, method);
    if (marks.length === 0) return [];
    const invoke = this.invoker.of(wrapper, prototype, method);
    return marks.map((mark) => {
      const { batch: size, ...handler } = readHandler(wrapper, prototype, method, mark);
      const contract = typeof mark.job === 'object' ? contractOf(mark.job, handler.name) : undefined;
      if (!size) return { ...handler, contract, invoke };
      const { invoke: around, invokeAll } = this.invoker.ofBatch(wrapper, prototype, method);
      return { ...handler, contract, invoke: around, batch: { ...size, invoke: invokeAll } };
    });
  }

  private findMode<Mode extends object>(className: string, method: keyof Mode & string): Mode {
    const found = this.wrappers().find(
      ({ instance }) =>
        instance &&
        Object.getPrototypeOf(instance)?.constructor?.name === className &&
        typeof (instance as Record<string, unknown>)[method] === 'function',
    );
    if (!found) throw new InvalidHandlerError(modeClassMissing(className, method));
    return found.instance as Mode;
  }

  private wrappers(): Wrapper[] {
    return [...this.discovery.getProviders(), ...this.discovery.getControllers()];
  }
}

/** A class's own prototype; for values and factories that of what they gave. */
function prototypeOf(wrapper: Wrapper): object | undefined {
  const isClass = typeof wrapper.metatype === 'function' && !wrapper.inject;
  const prototype: unknown = isClass
    ? (wrapper.metatype as { prototype?: unknown }).prototype
    : typeof wrapper.instance === 'object' && wrapper.instance !== null && Object.getPrototypeOf(wrapper.instance);
  return typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype ? prototype : undefined;
}

function marksOf(prototype: object, method: string): JobHandlerMetadata[] {
  const value: unknown = (prototype as Record<string, unknown>)[method];
  if (typeof value !== 'function') return [];
  return (Reflect.getOwnMetadata(JOB_HANDLER_METADATA, value) ?? []) as JobHandlerMetadata[];
}

function readHandler(wrapper: Wrapper, prototype: object, methodName: string, mark: JobHandlerMetadata): Omit<FoundHandler, 'invoke' | 'batch'> & { readonly batch: BatchSize | undefined } {
  const method = `${prototype.constructor.name}.${methodName}`;
  const name = typeof mark.job === 'object' ? peek(mark.job, 'name') : mark.job;
  if (!isName(name)) {
    throw new InvalidHandlerError(badHandlerOption(method, `@JobHandler needs a job's definition or its name: ${NAME_EXPECTED}.`));
  }
  if (wrapper.isTransient) throw new InvalidHandlerError(transientHandler(name, method));
  const marks = paramMarks(prototype, methodName);
  const { length } = (prototype as Record<string, (...args: unknown[]) => unknown>)[methodName]!;
  for (let i = 0; marks.length > 0 && i < length; i++) {
    if (!marks.some(({ index }) => index === i)) throw new InvalidHandlerError(undecoratedParam(method, i));
  }
  const defined = read(`definition of ${name}`, typeof mark.job === 'object' ? peek(mark.job, 'options') : {}, true);
  const own = read(`@JobHandler(${name}) on ${method}`, mark.options, false);
  if (!own.transactional && marks.some(isJobManager)) throw new InvalidHandlerError(managerWithoutTransaction(method));
  if (own.batch) checkBatch(wrapper, prototype, methodName, own.transactional);
  if (defined.queue && own.queue && defined.queue !== own.queue) {
    throw new HandlerConflictError(twoQueues(name, defined.queue, own.queue, method));
  }
  const queue = own.queue ?? defined.queue ?? DEFAULT_QUEUE;
  const failureMode = own.settings.failureMode ?? defined.settings.failureMode;
  for (const stage of failureMode ? stagesOf(failureMode) : []) {
    if (stage.mode === 'move' && stage.queue === queue) {
      throw new InvalidOptionError(`${method}.failureMode`, stage, `a Move to another queue than '${queue}'`);
    }
  }
  return {
    name,
    queue,
    jobQueue: own.jobQueue ?? defined.jobQueue ?? DEFAULT_NAME,
    method,
    transactional: own.transactional,
    batch: own.batch,
    settings: {
      maxJobTimeMs: own.settings.maxJobTimeMs ?? defined.settings.maxJobTimeMs,
      abortGraceMs: own.settings.abortGraceMs ?? defined.settings.abortGraceMs,
      failureMode,
      successMode: own.settings.successMode ?? defined.settings.successMode,
    },
  };
}

function read(path: string, options: unknown, isDefinition: boolean) {
  const reader = new OptionReader(options, path);
  const queue = readQueue(reader);
  const jobQueue = readJobQueue(reader);
  if (isDefinition) {
    readPriority(reader);
    reader.duration('delay', 0);
    readGroup(reader);
    readUnique(reader);
    readContract(reader);
  }
  const transactional = !isDefinition && reader.boolean('transactional', false);
  const batch = isDefinition ? undefined : readBatch(reader);
  const settings = readRunOptions(reader);
  reader.done();
  return { queue, jobQueue, transactional, batch, settings };
}
