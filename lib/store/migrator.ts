import { appliedVersion, applyMigrations, LATEST_VERSION } from '../../migrations/apply.js';
import { DEFAULT_SCHEMA } from '../core/schema-name.js';
import { MigrationsPendingError, SchemaTooNewError } from '../errors/configuration.errors.js';
import type { Database } from './database.js';

export { applyMigrations, appliedVersion, LATEST_VERSION };

/** The longest timer there is: a step may take any time, and so may the one that another process is at. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Brings the tables up to date, or refuses to go on without them.
 *
 * @throws MigrationsPendingError
 * @throws SchemaTooNewError
 * @throws DatabaseUnavailableError
 */
export async function prepareSchema(database: Database, schema: string, mode: 'run' | 'check' | 'none'): Promise<void> {
  if (mode === 'none') return;
  const version = await database.withClient((query) => appliedVersion(query, schema));
  refuseNewer(version, schema);
  if (version === LATEST_VERSION) return;
  if (mode === 'run') return void (await database.withClient((query) => applyMigrations(query, schema), NO_TIMEOUT_MS));
  throw new MigrationsPendingError(
    (version === 0
      ? `Schema '${schema}' has no tables of the queue. `
      : `Schema '${schema}' is at version ${version} of ${LATEST_VERSION}. `) +
      `Run \`npx notify-queue migrate${schemaArgument(schema)}\`, add notifyQueueMigrations ` +
      "to your data source and run its migrations, or set NotifyQueueModule.forRoot({ migrations: 'run' }). " +
      'If the tables are in another schema, name it with the schema option.',
  );
}

/** @throws SchemaTooNewError */
export function refuseNewer(version: number, schema: string): void {
  if (version <= LATEST_VERSION) return;
  throw new SchemaTooNewError(
    `Schema '${schema}' is at version ${version}, but this release of nestjs-notify-queue knows ${LATEST_VERSION}. ` +
      'Update the package, or take the newer migrations back.',
  );
}

/** `--schema` of a command to be copied into a shell, when it is needed. */
export function schemaArgument(schema: string): string {
  if (schema === DEFAULT_SCHEMA) return '';
  return ` --schema ${/^[\w-]+$/.test(schema) ? schema : `'${schema.replaceAll("'", `'\\''`)}'`}`;
}
