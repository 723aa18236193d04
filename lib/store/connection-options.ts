import type { ClientConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { UnsupportedDatabaseError } from '../errors/configuration.errors.js';

interface Credentials {
  url?: string;
  host?: string;
  port?: number;
  username?: string;
  password?: ClientConfig['password'];
  database?: string;
  ssl?: ClientConfig['ssl'];
}

/** The fields of TypeORM's PostgreSQL options that make up a connection. */
interface PostgresOptions extends Credentials {
  type: string;
  connectTimeoutMS?: number;
  extra?: ClientConfig;
  replication?: { master: Credentials };
}

/**
 * Options for connections of our own to the database of a TypeORM data source, read from the same
 * options that TypeORM makes its pool from.
 *
 * @throws UnsupportedDatabaseError
 */
export function connectionOptionsOf(dataSource: DataSource): ClientConfig {
  const options = dataSource.options as unknown as PostgresOptions;
  if (options.type !== 'postgres') {
    throw new UnsupportedDatabaseError(
      `The TypeORM data source is of type '${options.type}', but the queue needs PostgreSQL. ` +
        "Add a data source of type 'postgres' and name it in NotifyQueueModule.forRoot({ dataSource: '...' }).",
    );
  }
  const credentials = options.replication?.master ?? options;
  const { max: _max, min: _min, ...extra } = (options.extra ?? {}) as ClientConfig & { max?: number; min?: number };
  return {
    ...extra,
    connectionString: credentials.url,
    host: credentials.host,
    port: credentials.port,
    user: credentials.username,
    password: credentials.password,
    database: credentials.database,
    ssl: credentials.ssl ?? extra.ssl,
    connectionTimeoutMillis: options.connectTimeoutMS ?? 5_000,
    keepAlive: true,
  };
}
