import { InvalidOptionError } from './errors/configuration.errors.js';
import { encodeJson } from './core/json.js';
import { isId, isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { JOB_STATES } from './core/states.js';
import type { JobCriteria, JobState, PageOptions } from './interfaces/job-record.interface.js';

/** @throws InvalidOptionError, UnstorableValueError */
export function checkCriteria(criteria: JobCriteria): JobCriteria {
  const reader = new OptionReader(criteria, 'criteria');
  const name = (key: string): string | undefined =>
    reader.value<string | undefined>(key, undefined, NAME_EXPECTED, (value) => (isName(value) ? value : undefined));
  const date = (key: string): Date | undefined =>
    reader.value<Date | undefined>(key, undefined, 'a valid Date', (value) =>
      value instanceof Date && Math.abs(value.getTime()) < 8e14 ? value : undefined,
    );
  const payload = reader.raw('payload');
  if (payload !== undefined) encodeJson(payload, 'criteria.payload', 1_048_576);
  const checked = {
    queue: name('queue'),
    name: name('name'),
    state: states(reader.raw('state')),
    payload,
    enqueuedAfter: date('enqueuedAfter'),
    enqueuedBefore: date('enqueuedBefore'),
  };
  reader.done();
  return checked;
}

/** @throws InvalidOptionError */
export function checkPage(page: PageOptions): PageOptions & { limit: number } {
  const reader = new OptionReader(page, 'page');
  const checked = {
    limit: reader.integer('limit', 100, 1, 1_000),
    order: reader.oneOf('order', 'oldest', ['oldest', 'newest']),
    cursor: reader.value<string | undefined>('cursor', undefined, 'the nextCursor of a page', (value) =>
      isId(value) ? value : undefined,
    ),
  };
  reader.done();
  return checked;
}

function states(value: unknown): readonly JobState[] | undefined {
  if (value === undefined) return undefined;
  const list = [value].flat() as unknown[];
  for (const state of list) {
    if (!JOB_STATES.includes(state as JobState)) {
      throw new InvalidOptionError('criteria.state', state, JOB_STATES.map((name) => `'${name}'`).join(', '));
    }
  }
  return list as JobState[];
}
