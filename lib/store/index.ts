import type { DataSource } from 'typeorm';
import type { ClientConfig } from 'pg';
import type { SchemaVersion } from '../interfaces/job-queue-stats.interface.js';
import type { Log } from '../interfaces/ports/index.js';
import { PgBulkStore } from './bulk.store.js';
import { PgConfigStore } from './config.store.js';
import { connectionOptionsOf } from './connection-options.js';
import { Database } from './database.js';
import { PgEventStore } from './event.store.js';
import { PgInstanceStore } from './instance.store.js';
import { PgJobStore } from './job.store.js';
import { appliedVersion, LATEST_VERSION, prepareSchema } from './migrator.js';
import { PgReservationStore } from './reservation.store.js';
import { PgTransactionStore } from './transaction.store.js';
import { createStatements } from './statements/index.js';

export { queueEntities, notifyQueueEntities } from './entities/index.js';
export type * from './entities/index.js';

export interface StoresOptions {
  readonly schema: string;
  readonly migrations: 'run' | 'check' | 'none';
  readonly queryTimeoutMs: number;
}

/** Everything that is SQL. */
export function createStores(database: Database, schema: string) {
  const statements = createStatements(schema);
  return {
    reservations: new PgReservationStore(database, statements),
    jobs: new PgJobStore(database, statements),
    bulk: new PgBulkStore(database, statements),
    instances: new PgInstanceStore(database, statements),
    configs: new PgConfigStore(database, statements),
    events: new PgEventStore(database, statements),
  };
}

/** Everything SQL, over one small pool of its own. */
export class Stores {
  private readonly schema: string;
  readonly reservations: PgReservationStore;
  readonly jobs: PgJobStore;
  readonly bulk: PgBulkStore;
  readonly instances: PgInstanceStore;
  readonly configs: PgConfigStore;
  readonly events: PgEventStore;
  readonly transactions: PgTransactionStore;

  private constructor(
    dataSource: DataSource,
    readonly connection: ClientConfig,
    private readonly database: Database,
    { schema, queryTimeoutMs }: StoresOptions,
  ) {
    this.schema = schema;
    this.transactions = new PgTransactionStore(dataSource, database, createStatements(schema), queryTimeoutMs);
    ({
      reservations: this.reservations,
      jobs: this.jobs,
      bulk: this.bulk,
      instances: this.instances,
      configs: this.configs,
      events: this.events,
    } = createStores(database, schema));
  }

  /**
   * Connects to the database of a TypeORM data source and brings or checks the tables.
   *
   * @throws UnsupportedDatabaseError, DatabaseUnavailableError, MigrationsPendingError, SchemaTooNewError
   */
  static async open(dataSource: DataSource, options: StoresOptions, log: Log): Promise<Stores> {
    const connection = connectionOptionsOf(dataSource);
    const database = new Database({
      connection,
      queryTimeoutMs: options.queryTimeoutMs,
      onIdleError: (error) => log.debug('An idle connection was lost', { error: error.message }),
    });
    try {
      await prepareSchema(database, options.schema, options.migrations);
    } catch (error) {
      await database.close();
      throw error;
    }
    return new Stores(dataSource, connection, database, options);
  }

  /** @throws DatabaseUnavailableError */
  async schemaVersion(): Promise<SchemaVersion> {
    const applied = await this.database.withClient((query) => appliedVersion(query, this.schema));
    return { applied, expected: LATEST_VERSION };
  }

  /** The connections lead straight to the server: see `Database.trustSessions`. */
  trustSessions(): void {
    this.database.trustSessions();
  }

  async close(): Promise<void> {
    await this.database.close();
  }
}
