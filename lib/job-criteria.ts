import { InvalidOptionError } from './errors/configuration.errors.js';
import { encodeJson } from './core/json.js';
import { isId, isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { isArray } from './core/peek.js';
import { JOB_STATES } from './core/states.js';
import type { JobCriteria, JobRecord, JobState, PageOptions } from './interfaces/job-record.interface.js';

/** Years that JavaScript and PostgreSQL both know. */
const FIRST_DATE_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LAST_DATE_MS = Date.parse('9999-12-31T23:59:59.999Z');

type Predicate = (job: JobRecord) => boolean;

/** @throws InvalidOptionError, UnstorableValueError, ValueTooLargeError */
export function checkCriteria(criteria: JobCriteria, maxPayloadSize: number): JobCriteria {
  const reader = new OptionReader(criteria, 'criteria');
  const name = (key: string): string | undefined =>
    reader.value<string | undefined>(key, undefined, NAME_EXPECTED, (value) => (isName(value) ? value : undefined));
  const date = (key: string): Date | undefined =>
    reader.value<Date | undefined>(key, undefined, 'a valid Date from the year 1 to 9999', (value) => {
      const atMs = value instanceof Date ? value.getTime() : Number.NaN;
      return atMs >= FIRST_DATE_MS && atMs <= LAST_DATE_MS ? new Date(atMs) : undefined;
    });
  const payload = reader.raw('payload');
  const checked = {
    queue: name('queue'),
    name: name('name'),
    state: states(reader.raw('state')),
    // As it was checked, whatever its getters would say the next time.
    tags: tags(reader),
    group: name('group'),
    payload: payload === undefined ? undefined : JSON.parse(encodeJson(payload, 'criteria.payload', maxPayloadSize)),
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
    ...limitAndOrder(reader),
    cursor: reader.value<string | undefined>('cursor', undefined, 'the nextCursor of a page', (value) =>
      isId(value) ? value : undefined,
    ),
  };
  reader.done();
  return checked;
}

/** @throws InvalidOptionError */
export function checkIteration(options: object): PageOptions & { predicate: Predicate | undefined } {
  const reader = new OptionReader(options, 'page');
  const checked = {
    ...limitAndOrder(reader),
    predicate: reader.value<Predicate | undefined>('predicate', undefined, 'a function', (value) =>
      typeof value === 'function' ? (value as Predicate) : undefined,
    ),
  };
  reader.done();
  return checked;
}

function limitAndOrder(reader: OptionReader): Required<Pick<PageOptions, 'limit' | 'order'>> {
  return {
    limit: reader.integer('limit', 100, 1, 1_000),
    order: reader.oneOf('order', 'oldest', ['oldest', 'newest']),
  };
}

function tags(reader: OptionReader): readonly string[] | undefined {
  return reader.value<readonly string[] | undefined>('tags', undefined, 'a tag, or an array of tags', (value) => {
    const list: unknown[] = isArray(value) ? [...value] : [value];
    return list.every(isName) ? (list as string[]) : undefined;
  });
}

function states(value: unknown): readonly JobState[] | undefined {
  if (value === undefined) return undefined;
  const found = new Set<JobState>();
  for (const state of isArray(value) ? value : [value]) {
    if (!JOB_STATES.includes(state as JobState)) {
      throw new InvalidOptionError('criteria.state', state, JOB_STATES.map((name) => `'${name}'`).join(', '));
    }
    found.add(state as JobState);
  }
  return [...found];
}
