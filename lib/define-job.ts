import { InvalidOptionError } from './errors/configuration.errors.js';
import { isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { readContract, type PayloadContract } from './core/payload-contract.js';
import { readRunOptions } from './core/run-options.js';
import { peek } from './core/peek.js';
import { readUnique } from './core/unique.js';
import type { UniqueOptions } from './interfaces/enqueue.interface.js';
import type { JobDefinition, JobDefinitionOptions } from './interfaces/job-definition.interface.js';
import type { StandardSchema } from './interfaces/standard-schema.interface.js';

/** Names of the fields of a payload, of each member of a union; any name where its type is not known. */
type FieldOf<Payload> = unknown extends Payload ? string : Payload extends object ? keyof Payload & string : never;

/** Options that are about the payload: a typing error in `by` would make all jobs equal. */
type OptionsFor<Payload> = Omit<JobDefinitionOptions, 'group' | 'unique'> & {
  readonly group?: string | ((payload: NoInfer<Payload>) => string | undefined);
  readonly unique?: UniqueOptions<NoInfer<FieldOf<Payload>>>;
};

/** What was made here, so that it need not be checked again, with what it says of payloads. */
const made = new WeakMap<object, PayloadContract | undefined>();

/**
 * Defines a job once, for the code that enqueues it and the code that handles it.
 *
 * @example
 * export const SendInvoice = defineJob<{ orderId: string }, { pages: number }>('invoice.send', { queue: 'mail' });
 * export const SendMail = defineJob('mail.send', { schema: z.object({ to: z.email() }) });
 * @throws InvalidOptionError
 */
export function defineJob<Input, Output>(
  name: string,
  options: OptionsFor<Input> & { readonly schema: StandardSchema<Input, Output> },
): JobDefinition<Input, unknown, Output>;
export function defineJob<Payload = unknown, Result = unknown>(
  name: string,
  options?: OptionsFor<Payload> & { readonly schema?: StandardSchema<Payload, unknown> },
): JobDefinition<Payload, Result, Payload>;
export function defineJob(name: string, options: object = {}): JobDefinition<never, unknown, unknown> {
  return define(name, options);
}

function define(name: string, options: object): JobDefinition<never, unknown, unknown> {
  if (!isName(name)) throw new InvalidOptionError('defineJob.name', name, NAME_EXPECTED);
  const reader = new OptionReader(options, `defineJob('${name}')`);
  readQueue(reader);
  readJobQueue(reader);
  readPriority(reader);
  reader.duration('delay', 0);
  readGroup(reader);
  readUnique(reader);
  readRunOptions(reader);
  const contract = readContract(reader);
  reader.done();
  const definition = Object.freeze({ name, options: Object.freeze(reader.source) });
  made.set(definition, contract);
  return definition;
}

/** The options of a definition, which `defineJob` has checked or which are checked here. @throws InvalidOptionError */
export function optionsOf(job: JobDefinition, name: string): JobDefinitionOptions {
  return made.has(job) ? job.options : define(name, peek(job, 'options') as object).options;
}

/** What a definition says of payloads. @throws InvalidOptionError */
export function contractOf(job: JobDefinition, name: string): PayloadContract | undefined {
  if (made.has(job)) return made.get(job);
  return made.get(define(name, peek(job, 'options') as object));
}

/** @throws InvalidOptionError */
export function readQueue(reader: OptionReader): string | undefined {
  return reader.value<string | undefined>('queue', undefined, NAME_EXPECTED, (value) =>
    isName(value) ? value : undefined,
  );
}

/** @throws InvalidOptionError */
export function readJobQueue(reader: OptionReader): string | undefined {
  return reader.value<string | undefined>('jobQueue', undefined, NAME_EXPECTED, (value) => (isName(value) ? value : undefined));
}

/** @throws InvalidOptionError */
export function readGroup(reader: OptionReader): JobDefinitionOptions['group'] {
  return reader.value<JobDefinitionOptions['group']>('group', undefined, `${NAME_EXPECTED}, or a function of the payload`, (value) =>
    isName(value) || typeof value === 'function' ? (value as JobDefinitionOptions['group']) : undefined,
  );
}

/** @throws InvalidOptionError */
export function readPriority(reader: OptionReader, fallback = 0): number {
  return reader.integer('priority', fallback, -32_768, 32_767);
}
