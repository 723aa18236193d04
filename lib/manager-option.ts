import type { EntityManager } from 'typeorm';
import type { OptionReader } from './core/option-reader.js';
import { peek } from './core/peek.js';

export const MANAGER_EXPECTED = 'the EntityManager of a transaction, as dataSource.transaction(async (manager) => ...) gives it';

/** @throws InvalidOptionError */
export function readManager(reader: OptionReader): EntityManager | undefined {
  return reader.value<EntityManager | undefined>('manager', undefined, MANAGER_EXPECTED, (value) =>
    isManager(value) ? value : undefined,
  );
}

/** A DataSource has `query` too, but would write outside of the transaction. */
export function isManager(value: unknown): value is EntityManager {
  return peek(value, '@instanceof') === Symbol.for('EntityManager');
}
