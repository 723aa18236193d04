import { InvalidOptionError } from '../errors/configuration.errors.js';
import { DURATION_EXPECTED, formatDuration, MAX_DURATION_MS, parseDuration } from './duration.js';
import { snapshot } from './peek.js';

/**
 * Reads an options object key by key: every read names what it expects, and `done` refuses keys
 * that nobody asked for, so that a misspelt option never does nothing. The object itself is read once.
 */
export class OptionReader {
  private readonly known: string[] = [];
  /** The options as they were when the reader was made. */
  readonly source: Readonly<Record<string, unknown>>;

  /** @throws InvalidOptionError when the source is no plain object, or cannot be read */
  constructor(
    source: unknown,
    private readonly path: string,
  ) {
    const own = snapshot(source);
    if (!own) throw new InvalidOptionError(path || 'options', source, own === null ? 'an object that can be read' : 'an object');
    this.source = own;
  }

  /** The raw value; undefined means "not set". */
  raw(key: string): unknown {
    this.known.push(key);
    return Object.hasOwn(this.source, key) ? this.source[key] : undefined;
  }

  value<T>(key: string, fallback: T, expected: string, accept: (value: unknown) => T | undefined): T {
    const value = this.raw(key);
    if (value === undefined) return fallback;
    const accepted = attempt(() => accept(value));
    if (accepted === undefined) throw new InvalidOptionError(this.name(key), value, expected);
    return accepted;
  }

  duration(key: string, fallback: number, minimumMs = 0, maximumMs = MAX_DURATION_MS): number {
    if (this.raw(key) === undefined) return fallback;
    const least = minimumMs ? `, at least ${minimumMs} ms` : '';
    const most = maximumMs < MAX_DURATION_MS ? `, at most ${formatDuration(maximumMs)}` : '';
    return this.value(key, fallback, `${DURATION_EXPECTED}${least}${most}`, (value) => {
      const durationMs = parseDuration(value);
      return durationMs !== undefined && durationMs >= minimumMs && durationMs <= maximumMs ? durationMs : undefined;
    });
  }

  /** Milliseconds; `false` turns it off. */
  durationOrFalse(key: string, fallback: number | false): number | false {
    return this.value(key, fallback, `${DURATION_EXPECTED}; or false`, (value) => (value === false ? false : parseDuration(value)));
  }

  integer(key: string, fallback: number, minimum: number, maximum: number): number {
    if (this.raw(key) === undefined) return fallback;
    return this.value(key, fallback, `an integer from ${minimum} to ${maximum}`, (value) =>
      Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
        ? (value as number)
        : undefined,
    );
  }

  boolean(key: string, fallback: boolean): boolean {
    return this.value(key, fallback, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  oneOf<T extends string>(key: string, fallback: T, choices: readonly T[]): T {
    if (this.raw(key) === undefined) return fallback;
    return this.value(key, fallback, choices.map((choice) => `'${choice}'`).join(' or '), (value) =>
      choices.includes(value as T) ? (value as T) : undefined,
    );
  }

  name(key: string): string {
    return this.path ? `${this.path}.${key}` : key;
  }

  /** @throws InvalidOptionError for the first key that was never read */
  done(): void {
    for (const key of Object.keys(this.source)) {
      if (!this.known.includes(key)) {
        throw new InvalidOptionError(this.name(key), this.source[key], `one of the keys ${[...new Set(this.known)].join(', ')}`);
      }
    }
  }
}

/** What cannot be looked at, such as a proxy that throws, is not what was expected. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
