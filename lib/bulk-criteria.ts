import { OptionReader } from './core/option-reader.js';
import { peek, snapshot } from './core/peek.js';
import { describe, InvalidOptionError } from './errors/configuration.errors.js';
import { InvalidArgumentError } from './errors/enqueue.errors.js';
import type { BulkOptions } from './interfaces/bulk.interface.js';
import type { JobState } from './interfaces/job-record.interface.js';
import type { BulkSelection } from './interfaces/ports/index.js';
import { checkCriteria } from './job-criteria.js';
import type { BulkSettings } from './runtime/bulk-walk.js';

/** States of jobs that a call is for. */
export interface BulkStates {
  readonly allowed: readonly JobState[];
  /** Where the criteria name none. @default those allowed */
  readonly usual?: readonly JobState[];
}

/**
 * Refuses what would choose every job by mistake, such as a criterion whose value turned out to be undefined.
 *
 * @throws InvalidArgumentError, InvalidOptionError, UnstorableValueError, ValueTooLargeError
 */
export function checkBulkCriteria(criteria: unknown, { allowed, usual = allowed }: BulkStates, maxPayloadSize: number): BulkSelection {
  if (criteria === 'all') return { state: usual };
  const given = snapshot(criteria);
  if (!given) throw new InvalidOptionError('criteria', criteria, "an object of criteria, as those of find, or 'all'");
  if (Object.keys(given).length === 0) throw new InvalidArgumentError('criteria', "at least one criterion, or 'all' for every job", '{}');
  const checked = checkCriteria(given, maxPayloadSize);
  for (const [key, value] of Object.entries(given)) {
    if (choosesAll(value)) throw new InvalidOptionError(`criteria.${key}`, value, "something that narrows the choice; to leave it open, leave out the key, and choose every job by 'all'");
  }
  const state = (checked.state ?? usual) as readonly JobState[];
  const refused = state.find((one) => !allowed.includes(one));
  if (refused) throw new InvalidOptionError('criteria.state', refused, `some of ${allowed.join(', ')}: the call is for no others`);
  return { ...checked, state };
}

/** An empty object or array is contained in any other, and what is undefined is not there at all. */
function choosesAll(value: unknown): boolean {
  let found = false;
  JSON.stringify(value, (_, inner: unknown) => {
    if (inner === undefined || (typeof inner === 'object' && inner !== null && Object.keys(inner).length === 0)) found = true;
    return inner;
  });
  return found;
}

/** @throws InvalidOptionError */
export function readBulkOptions(reader: OptionReader): BulkSettings {
  const settings = {
    dryRun: reader.boolean('dryRun', false),
    limit: reader.integer('limit', 10_000, 1, 1_000_000_000),
    batchSize: reader.integer('batchSize', 1_000, 1, 5_000),
    signal: reader.value<BulkOptions['signal']>('signal', undefined, 'an AbortSignal', (value) =>
      typeof peek(value, 'aborted') === 'boolean' && typeof peek(value, 'addEventListener') === 'function' ? (value as AbortSignal) : undefined,
    ),
    onProgress: reader.value<BulkOptions['onProgress']>('onProgress', undefined, 'a function', (value) =>
      typeof value === 'function' ? (value as BulkOptions['onProgress']) : undefined,
    ),
  };
  reader.done();
  return settings;
}

/** What is to be changed of many jobs. @throws InvalidOptionError */
export function checkBulkUpdate(changes: unknown): void {
  const payload = peek(changes, 'payload');
  if (payload !== undefined) throw new InvalidOptionError('update.payload', payload, 'none: each payload belongs to one job; use update(id, { payload })');
  const isEmpty = typeof changes === 'object' && changes !== null && ['priority', 'delay', 'runAt'].every((key) => peek(changes, key) === undefined);
  if (isEmpty) throw new InvalidArgumentError('changes', 'a priority, a delay or a runAt', describe(changes));
}
