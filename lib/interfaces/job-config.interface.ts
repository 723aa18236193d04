import type { EntityManager } from 'typeorm';

/** One row of run-time configuration. */
export interface JobConfig {
  readonly key: string;
  readonly value: string;
  /** Grows with every change of any row; a reader drops anything older than it has. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** One change of one row; `value` is undefined after a deletion. */
export interface ConfigChange {
  readonly key: string;
  readonly value: string | undefined;
  readonly previous: string | undefined;
  readonly revision: number | undefined;
}

export interface WatchOptions<T> {
  /** Turns the text into a value; when it throws, the last good value stays and the error is logged. */
  parse: (value: string) => T;
  /** The value while there is no row. */
  default: T;
}

export interface ConfigCallOptions {
  /** Run inside this TypeORM transaction: the change is seen by others if and when it commits. */
  manager?: EntityManager;
}
