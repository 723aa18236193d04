import { appliedVersion, LATEST_VERSION, migrationScripts } from '../../migrations/apply.js';
import type { Status } from '../interfaces/job-record.interface.js';
import { SUSPENDED_KEY } from '../notify-queue.constants.js';
import type { Database } from '../store/database.js';
import { PgJobStore } from '../store/job.store.js';
import { createStatements } from '../store/statements/index.js';

/** What `status` tells of a database. Without tables, or with older ones, nothing is known of jobs. */
export interface SchemaStatus extends Status {
  readonly schema: string;
  /** The newest step applied; 0 when there is none. */
  readonly version: number;
  /** The step that this release needs. */
  readonly latestVersion: number;
  /** Names of the steps that are missing. */
  readonly pending: readonly string[];
}

export async function readStatus(database: Database, schema: string): Promise<SchemaStatus> {
  const version = await database.withClient((query) => appliedVersion(query, schema));
  const pending = migrationScripts.slice(version).map((script) => script.name);
  const known = { schema, version, latestVersion: LATEST_VERSION, pending };
  if (version !== LATEST_VERSION) return { ...known, queues: [], instances: [] };
  const jobs = new PgJobStore(database, createStatements(schema));
  return { ...known, ...(await jobs.status([], undefined, (queue) => [SUSPENDED_KEY, `${queue}_${SUSPENDED_KEY}`])) };
}
