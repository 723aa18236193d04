import { Injectable } from '@nestjs/common';
import { distinctUntilChanged, filter, map, scan, type Observable } from 'rxjs';
import type { EntityManager } from 'typeorm';
import { describe, InvalidOptionError } from './errors/configuration.errors.js';
import { ConfigExistsError, ConfigNotFoundError, InvalidConfigValueError } from './errors/config.errors.js';
import { toFailureRecord } from './core/failure-record.js';
import { isName, NAME_EXPECTED } from './core/names.js';
import { OptionReader } from './core/option-reader.js';
import { peek } from './core/peek.js';
import { ValueTooLargeError } from './errors/enqueue.errors.js';
import type { ConfigCallOptions, ConfigChange, JobConfig, WatchOptions } from './interfaces/job-config.interface.js';
import type { ConfigStore, Log } from './interfaces/ports/index.js';
import { readManager } from './manager-option.js';
import type { ConfigFeed } from './runtime/config-feed.js';

/**
 * Run-time configuration: rows of text that every instance follows. Inject it anywhere.
 *
 * @example
 * configs.watch('invoicing.auto', { parse: toBoolean, default: true }).subscribe((on) => (this.auto = on));
 */
@Injectable()
export class JobConfigs {
  /** Every value by key: the current ones on subscribing, then each change. It never fails. */
  readonly config$: Observable<ReadonlyMap<string, string>>;
  /** Each change of a row, from now on. It never fails. */
  readonly changes$: Observable<ConfigChange>;

  constructor(
    private readonly store: ConfigStore,
    private readonly feed: ConfigFeed,
    private readonly log: Log,
  ) {
    this.config$ = feed.config$;
    this.changes$ = feed.changes$;
  }

  /** Every row, by key. @throws DatabaseUnavailableError */
  async list(options: ConfigCallOptions = {}): Promise<JobConfig[]> {
    const manager = managerOf('list', options);
    return this.store.read(undefined, manager);
  }

  /** One row. @throws ConfigNotFoundError, InvalidConfigValueError for a bad key */
  async get(key: string, options: ConfigCallOptions = {}): Promise<JobConfig> {
    const manager = managerOf('get', options);
    checkKey(key);
    const [row] = await this.store.read([key], manager);
    return row ?? missing(key);
  }

  /** Adds a row. @throws ConfigExistsError, InvalidConfigValueError, ValueTooLargeError for a value of more than 1 MiB */
  async create(key: string, value: string, options: ConfigCallOptions = {}): Promise<JobConfig> {
    const manager = managerOf('create', options);
    check(key, value);
    const row = await this.store.create(key, value, manager);
    if (!row) throw new ConfigExistsError(`Config '${key}' exists already. Use set() to write it either way.`);
    return this.written(row, manager);
  }

  /** Writes a row, new or not. @throws InvalidConfigValueError, ValueTooLargeError for a value of more than 1 MiB */
  async set(key: string, value: string, options: ConfigCallOptions = {}): Promise<JobConfig> {
    const manager = managerOf('set', options);
    check(key, value);
    return this.written(await this.store.set(key, value, manager), manager);
  }

  /**
   * Writes a row that exists, by key or by the row.
   *
   * @throws ConfigNotFoundError, InvalidConfigValueError, ValueTooLargeError for a value of more than 1 MiB
   */
  async update(key: string | JobConfig, value: string, options: ConfigCallOptions = {}): Promise<JobConfig> {
    const manager = managerOf('update', options);
    const name = keyOf(key);
    check(name, value);
    return this.written((await this.store.update(name, value, manager)) ?? missing(name), manager);
  }

  /** Deletes a row, by key or by the row. @throws ConfigNotFoundError, InvalidConfigValueError for a bad key */
  async delete(key: string | JobConfig, options: ConfigCallOptions = {}): Promise<void> {
    const manager = managerOf('delete', options);
    const name = keyOf(key);
    if (!(await this.store.delete(name, manager))) missing(name);
    if (!manager) await this.feed.refresh([name]);
  }

  /**
   * Follows one row as a typed value: the current one on subscribing, then each new one. A text that
   * `parse` refuses is logged and the last good value stays. It never fails.
   *
   * @throws InvalidConfigValueError for a bad key, InvalidOptionError
   */
  watch<T>(key: string, options: WatchOptions<T>): Observable<T> {
    const { parse, default: fallback } = checkWatch(key, options);
    const read = (last: { value: T }, text: string | undefined): { value: T } => {
      if (text === undefined) return { value: fallback };
      try {
        return { value: parse(text) };
      } catch (error) {
        this.log.error(`Config '${key}' has a value that cannot be used; the last good one stays`, {
          key,
          value: describe(text),
          error: toFailureRecord(error).message,
        });
        return last;
      }
    };
    return this.config$.pipe(
      map((snapshot) => snapshot.get(key)),
      distinctUntilChanged(),
      scan(read, { value: fallback }),
      map(({ value }) => value),
      filter((value) => value !== undefined),
      distinctUntilChanged(),
    );
  }

  /** Waits until this process's stream has its own write; in a transaction that is for the commit to bring. */
  private async written(row: JobConfig, manager: unknown): Promise<JobConfig> {
    if (!manager) await this.feed.refresh([row.key]);
    return row;
  }
}

/**
 * For `watch`: `'true'` and `'false'`, nothing else.
 *
 * @throws InvalidConfigValueError
 */
export function toBoolean(value: string): boolean {
  if (value !== 'true' && value !== 'false') {
    throw new InvalidConfigValueError(`${describe(value)} is neither 'true' nor 'false'.`);
  }
  return value === 'true';
}

/**
 * For `watch`: a finite decimal number.
 *
 * @throws InvalidConfigValueError
 */
export function toNumber(value: string): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) {
    throw new InvalidConfigValueError(`${describe(value)} is not a finite number.`);
  }
  return number;
}

/** What JavaScript or some locale of PostgreSQL takes for blank; the table refuses it too. */
// oxlint-disable-next-line no-control-regex
const BLANK = /^[\s\u001c-\u001f\u0085\u180e]*$/;
/** Every process keeps every value in memory. */
const MAX_VALUE_BYTES = 1_048_576;

/** @throws InvalidOptionError */
function managerOf(call: string, options: ConfigCallOptions): EntityManager | undefined {
  const reader = new OptionReader(options, `configs.${call}`);
  const manager = readManager(reader);
  reader.done();
  return manager;
}

/** @throws InvalidConfigValueError, InvalidOptionError */
function checkWatch<T>(key: unknown, options: WatchOptions<T>): WatchOptions<T> {
  checkKey(key);
  const reader = new OptionReader(options, 'configs.watch');
  const fallback = reader.raw('default') as T;
  const parse = reader.raw('parse');
  if (typeof parse !== 'function') throw new InvalidOptionError('configs.watch.parse', parse, 'a function');
  reader.done();
  return { parse: parse as WatchOptions<T>['parse'], default: fallback };
}

function missing(key: string): never {
  throw new ConfigNotFoundError(`There is no config '${key}'. Use create() or set() to add it.`);
}

/** @throws InvalidConfigValueError */
function keyOf(row: unknown): string {
  const key = typeof row === 'object' && row !== null ? peek(row, 'key') : row;
  checkKey(key);
  return key;
}

/** @throws InvalidConfigValueError */
function checkKey(key: unknown): asserts key is string {
  if (!isName(key)) throw new InvalidConfigValueError(`Config key ${describe(key)} cannot be used; expected ${NAME_EXPECTED}.`);
}

/** @throws InvalidConfigValueError, ValueTooLargeError */
function check(key: unknown, value: unknown): void {
  checkKey(key);
  if (typeof value !== 'string' || BLANK.test(value) || value.includes('\u0000') || !value.isWellFormed()) {
    throw new InvalidConfigValueError(
      `The value of config '${key}' is ${describe(value)}; expected a non-blank string without NUL characters. ` +
        'Use String() or JSON.stringify() for other values.',
    );
  }
  const size = Buffer.byteLength(value);
  if (size > MAX_VALUE_BYTES) {
    throw new ValueTooLargeError(`The value of config '${key}'`, size, MAX_VALUE_BYTES, 'Store the data elsewhere and name its place here.');
  }
}
