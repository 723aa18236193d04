import { InvalidOptionError } from '../errors/configuration.errors.js';
import { InvalidPayloadError, type PayloadIssue } from '../errors/enqueue.errors.js';
import { AbandonJobError, SnoozeJobError } from '../errors/outcome.errors.js';
import type { StandardIssue, StandardSchema } from '../interfaces/standard-schema.interface.js';
import { toFailureRecord } from './failure-record.js';
import type { OptionReader } from './option-reader.js';
import { peek } from './peek.js';

/** A payload that nobody here can read waits this long for another process. */
const ELSEWHERE_DELAY = '1m';

type Upgrade = (payload: unknown) => unknown;

/** What a definition says of its payloads. */
export interface PayloadContract {
  readonly schema: StandardSchema | undefined;
  /** Of payloads that are enqueued now. */
  readonly version: number;
  /** By the version that they lift to the next one. */
  readonly upgrades: ReadonlyMap<number, Upgrade>;
}

/** The job waits for a process that can read its payload. */
export class WaitElsewhereError extends SnoozeJobError {
  constructor(why: string) {
    super(ELSEWHERE_DELAY, why);
  }
}

const MAX_VERSION = 1_000_000;
const MAX_SHOWN_ISSUES = 5;

/** Undefined for a definition that says nothing. @throws InvalidOptionError */
export function readContract(reader: OptionReader): PayloadContract | undefined {
  const schema = reader.value<StandardSchema | undefined>('schema', undefined, 'a Standard Schema, as of zod, valibot or arktype', (value) =>
    typeof peek(peek(value, '~standard'), 'validate') === 'function' ? (value as StandardSchema) : undefined,
  );
  const version = reader.integer('version', 1, 1, MAX_VERSION);
  const upgrades = readUpgrades(reader, version);
  return schema || version > 1 ? { schema, version, upgrades } : undefined;
}

/** @throws InvalidPayloadError for a payload, as it will be read from the database, that the schema refuses */
export async function checkPayload(schema: StandardSchema, json: string, what: string): Promise<void> {
  await validate(schema, JSON.parse(json), what);
}

/**
 * The payload as the handler is given it: lifted to the version of the code, and what the schema makes of it.
 *
 * @throws AbandonJobError when it cannot be; WaitElsewhereError when it was written by newer code
 */
export async function openPayload({ schema, version, upgrades }: PayloadContract, stored: unknown, storedVersion: number): Promise<unknown> {
  if (storedVersion > version) {
    throw new WaitElsewhereError(`its payload has version ${storedVersion}, and this process knows ${version}; it waits for a newer one`);
  }
  let payload = stored;
  for (let from = storedVersion; from < version; from++) {
    const upgrade = upgrades.get(from);
    if (!upgrade) throw new AbandonJobError(`The payload has version ${storedVersion}, and the definition has no upgrade from ${from} to ${from + 1}`);
    try {
      payload = await upgrade(payload);
    } catch (cause) {
      throw new AbandonJobError(`The upgrade of the payload from version ${from} failed: ${toFailureRecord(cause).message}`, { cause });
    }
  }
  if (!schema) return payload;
  try {
    return await validate(schema, payload, 'payload');
  } catch (cause) {
    throw new AbandonJobError(toFailureRecord(cause).message, { cause });
  }
}

async function validate(schema: StandardSchema, value: unknown, what: string): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (!result.issues) return result.value;
  const issues = result.issues.map(toIssue);
  const shown = issues.slice(0, MAX_SHOWN_ISSUES).map(({ path, message }) => `${path ? `${what}.${path}` : what}: ${message}`);
  if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`);
  throw new InvalidPayloadError(issues, shown.join('; '));
}

function toIssue({ path = [], message }: StandardIssue): PayloadIssue {
  const keys = path.map((segment) => String(typeof segment === 'object' ? segment.key : segment));
  return { path: keys.join('.'), message };
}

function readUpgrades(reader: OptionReader, version: number): ReadonlyMap<number, Upgrade> {
  const given = reader.raw('upgrade');
  const upgrades = new Map<number, Upgrade>();
  if (given === undefined) return upgrades;
  const expected = `an object with a function for each version from some one to ${version - 1}, which lifts a payload to the next one`;
  if (typeof given !== 'object' || given === null) throw new InvalidOptionError(reader.name('upgrade'), given, expected);
  for (const key of Object.keys(given)) {
    const upgrade: unknown = peek(given, key);
    if (typeof upgrade !== 'function') throw new InvalidOptionError(reader.name(`upgrade.${key}`), upgrade, 'a function');
    upgrades.set(Number(key), upgrade as Upgrade);
  }
  const first = Math.min(...upgrades.keys());
  const isWhole = first >= 1 && upgrades.size === version - first && [...upgrades.keys()].every((from) => Number.isInteger(from) && from < version);
  if (!isWhole) throw new InvalidOptionError(reader.name('upgrade'), given, expected);
  return upgrades;
}
