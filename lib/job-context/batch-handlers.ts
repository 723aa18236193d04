import type { DiscoveryService } from '@nestjs/core';
import { OptionReader } from '../core/option-reader.js';
import { InvalidHandlerError } from '../errors/configuration.errors.js';
import type { BatchSize } from '../runtime/forming-batch.js';
import { hasPipes, paramMarks } from './handler-metadata.js';

type Wrapper = ReturnType<DiscoveryService['getProviders']>[number];

const MAX_SIZE = 1_000;
/** Jobs that wait are held, and no other process can run them. */
const MAX_WAIT_MS = 10_000;

/** Undefined for a handler that takes jobs one by one. @throws InvalidOptionError */
export function readBatch(reader: OptionReader): BatchSize | undefined {
  const given = reader.raw('batch');
  if (given === undefined) return undefined;
  const inner = new OptionReader(given, reader.name('batch'));
  const batch = { size: inner.integer('size', 100, 1, MAX_SIZE), waitMs: inner.duration('wait', 50, 0, MAX_WAIT_MS) };
  inner.done();
  return batch;
}

/** @throws InvalidHandlerError for what cannot work where one call takes many jobs */
export function checkBatch(wrapper: Wrapper, prototype: object, methodName: string, transactional: boolean): void {
  const { length } = (prototype as Record<string, (...args: unknown[]) => unknown>)[methodName]!;
  const refuse = (why: string): never => {
    throw new InvalidHandlerError(`${prototype.constructor.name}.${methodName} takes jobs in batches: ${why}`);
  };
  if (transactional) {
    refuse('it cannot be transactional too, since one job that fails would take back what was done for the others. Begin a transaction in it where you need one.');
  }
  if (paramMarks(prototype, methodName).length > 0) {
    refuse('its only argument is the array of them, and parameter decorators give what belongs to one job. Remove them, and take payloads and signals from the jobs.');
  }
  if (length > 1) refuse('its only argument is the array of them. Remove the other parameters.');
  if (hasPipes(prototype, methodName)) {
    refuse('pipes see decorated parameters only, which it cannot have. Give the definition a schema: each payload is checked by it before the batch.');
  }
  if (!wrapper.isDependencyTreeStatic()) {
    refuse('its class, or something that this needs, is request-scoped, and there is no one job to make it for. Make it a singleton.');
  }
}
