import { HttpException, StandardSchemaValidationPipe, ValidationPipe, type PipeTransform } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { AbandonJobError } from '../errors/outcome.errors.js';

/** Remembers which errors say that a payload was refused: running such a job again would end the same way. */
export class Refusals {
  private readonly errors = new WeakSet<object>();

  /** Watches the pipes of all contexts that this makes. */
  constructor(creator: ExternalContextCreator) {
    const apply = creator.getParamValue.bind(creator);
    creator.getParamValue = async (value, metadata, pipes) => {
      try {
        return await apply(value, metadata, pipes);
      } catch (error) {
        if (isRefusal(error, pipes)) this.errors.add(error);
        throw error;
      }
    };
  }

  /** What the job fails with. */
  toOutcome(error: unknown): unknown {
    if (typeof error !== 'object' || error === null || !this.errors.has(error)) return error;
    return new AbandonJobError(`The payload was refused: ${textOf(error)}`, { cause: error });
  }
}

/** A pipe may fail for other reasons, such as a database that it asks; that is a failure like any other. */
function isRefusal(error: unknown, pipes: PipeTransform[]): error is object {
  if (typeof error !== 'object' || error === null) return false;
  if (error instanceof HttpException) return error.getStatus() >= 400 && error.getStatus() < 500;
  return pipes.every((pipe) => pipe instanceof ValidationPipe || pipe instanceof StandardSchemaValidationPipe);
}

function textOf(error: object): string {
  const response: unknown = error instanceof HttpException ? error.getResponse() : undefined;
  const messages: unknown = (response as { message?: unknown } | undefined)?.message;
  return Array.isArray(messages) ? messages.join('; ') : String((error as Error).message);
}
