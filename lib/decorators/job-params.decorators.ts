import { Body, createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import { peek } from '../core/peek.js';
import { jobOf } from '../job-context/job-context.js';

type Pipe = Type<PipeTransform> | PipeTransform;
/** A schema of zod, valibot, arktype and the like. */
type Schema = NonNullable<Extract<Parameters<typeof Body>[0], { schema?: unknown }>['schema']>;

/**
 * The payload, or one property of it, as a parameter of a handler. Pipes see it as they see a body: `ValidationPipe`
 * validates it by the class of the parameter, `StandardSchemaValidationPipe` by the schema. A payload that a pipe
 * refuses abandons the job.
 *
 * @example
 * @JobHandler(SendInvoice)
 * @UsePipes(ValidationPipe)
 * send(@JobPayload() { orderId }: SendInvoiceDto, @JobSignal() signal: AbortSignal) { ... }
 */
export function JobPayload(...pipes: Pipe[]): ParameterDecorator;
export function JobPayload(property: string, ...pipes: Pipe[]): ParameterDecorator;
export function JobPayload(schema: Schema, ...pipes: Pipe[]): ParameterDecorator;
export function JobPayload(first?: string | Schema | Pipe, ...pipes: Pipe[]): ParameterDecorator {
  if (typeof first === 'string') return Body(first, ...pipes);
  if (isSchema(first)) return Body({ schema: first, pipes });
  return first === undefined ? Body(...pipes) : Body(first, ...pipes);
}

/** The `AbortSignal` of the run, as a parameter of a handler. */
export const JobSignal = createParamDecorator((_: unknown, context: ExecutionContext) => jobOf(context).signal) as () => ParameterDecorator;

/** The `Job`, as a parameter of a handler that has other parameters too. */
export const JobRef = createParamDecorator((_: unknown, context: ExecutionContext) => jobOf(context)) as () => ParameterDecorator;

const manager = (_: unknown, context: ExecutionContext): unknown => context.getArgByIndex(1);

/**
 * The `EntityManager` of the job's transaction, as a parameter of a handler with `transactional: true`.
 *
 * @example
 * @JobHandler(BookOrder, { transactional: true })
 * book(@JobPayload() { orderId }: BookOrderDto, @JobManager() manager: EntityManager) { ... }
 */
export const JobManager = createParamDecorator(manager) as () => ParameterDecorator;

/** Whether this mark of a parameter decorator is that of `JobManager`. */
export function isJobManager(mark: unknown): boolean {
  return peek(mark, 'factory') === manager;
}

function isSchema(value: unknown): value is Schema {
  return value !== null && (typeof value === 'object' || typeof value === 'function') && '~standard' in value;
}
