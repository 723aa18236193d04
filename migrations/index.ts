import type { MigrationInterface, QueryRunner } from 'typeorm';
import { assertSchemaName, DEFAULT_SCHEMA } from '../lib/core/schema-name.js';
import { describe } from '../lib/errors/configuration.errors.js';
import { InvalidArgumentError } from '../lib/errors/enqueue.errors.js';
import { applyScript, LATEST_VERSION, migrationScripts, revertScript, type Query } from './apply.js';
import { typeormNameOf, type MigrationScript } from './migration-script.js';

/** The migrations of the default schema, to spread into `migrations` of a TypeORM data source. */
export const notifyQueueMigrations = createNotifyQueueMigrations(DEFAULT_SCHEMA);

/**
 * The migrations of a schema of your own.
 *
 * @example
 * new DataSource({ type: 'postgres', migrations: [...createNotifyQueueMigrations('queue'), ...] })
 * @throws InvalidOptionError
 */
export function createNotifyQueueMigrations(schema: string): Array<new () => MigrationInterface> {
  assertSchemaName(schema);
  return migrationScripts.map((script) => toClass(schema, script));
}

/**
 * One step of those migrations, counted from 1, for a migration file of your own. The command
 * `npx notify-queue migration:create` writes such files.
 *
 * @example
 * export class NotifyQueueInitial1764000000000 extends notifyQueueMigration(1) {}
 * @throws InvalidOptionError, InvalidArgumentError for a step that this release does not have
 */
export function notifyQueueMigration(step: number, schema: string = DEFAULT_SCHEMA): new () => MigrationInterface {
  assertSchemaName(schema);
  const script = typeof step === 'number' ? migrationScripts[step - 1] : undefined;
  if (!script) {
    const expected = `a step from 1 to ${LATEST_VERSION}, which this release of nestjs-notify-queue has`;
    throw new InvalidArgumentError('step', expected, describe(step));
  }
  return toClass(schema, script);
}

function toClass(schema: string, script: MigrationScript): new () => MigrationInterface {
  const name = typeormNameOf(script, schema);
  const migration = class implements MigrationInterface {
    /** TypeORM's own record is kept by this name, whatever a subclass is called. */
    readonly name = name;

    async up(queryRunner: QueryRunner): Promise<void> {
      await inTransaction(queryRunner, (query) => applyScript(query, schema, script));
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await inTransaction(queryRunner, (query) => revertScript(query, schema, script));
    }
  };
  Object.defineProperty(migration, 'name', { value: name });
  return migration;
}

/** TypeORM wraps migrations in a transaction unless told not to; the advisory lock needs one. */
async function inTransaction(queryRunner: QueryRunner, work: (query: Query) => Promise<unknown>): Promise<void> {
  const own = !queryRunner.isTransactionActive;
  if (own) await queryRunner.startTransaction('READ COMMITTED');
  try {
    await work((sql) => queryRunner.query(sql) as Promise<unknown[]>);
    if (own) await queryRunner.commitTransaction();
  } catch (error) {
    if (own) await queryRunner.rollbackTransaction();
    throw error;
  }
}
