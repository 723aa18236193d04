import { appliedVersion, LATEST_VERSION, migrationScripts } from '../../migrations/apply.js';
import type { Status } from '../interfaces/job-record.interface.js';
import { SUSPENDED_KEY } from '../notify-queue.constants.js';
import type { Database, Row } from '../store/database.js';
import { PgJobStore } from '../store/job.store.js';
import { text } from '../store/rows.js';
import { createStatements } from '../store/statements/index.js';

/** A transaction that keeps dead rows from being removed, since it may still see them. */
export interface OldestTransaction {
  readonly pid: number;
  readonly applicationName: string;
  readonly openMs: number;
}

/** What `status` tells of a database. Without tables, or with older ones, nothing is known of jobs. */
export interface SchemaStatus extends Status {
  readonly schema: string;
  /** The newest step applied; 0 when there is none. */
  readonly version: number;
  /** The step that this release needs. */
  readonly latestVersion: number;
  /** Names of the steps that are missing. */
  readonly pending: readonly string[];
  /** The one that has the oldest snapshot; null when there is none, or when the role may not see it. */
  readonly oldestTransaction: OldestTransaction | null;
}

const OLDEST_TRANSACTION = `
SELECT pid, application_name, (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8 AS open_ms
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
ORDER BY age(backend_xmin) DESC, xact_start LIMIT 1`;

export async function readStatus(database: Database, schema: string): Promise<SchemaStatus> {
  const { version, oldestTransaction } = await database.withClient(async (query) => {
    const [row] = await query(OLDEST_TRANSACTION);
    return { version: await appliedVersion(query, schema), oldestTransaction: row ? toTransaction(row) : null };
  });
  const pending = migrationScripts.slice(version).map((script) => script.name);
  const known = { schema, version, latestVersion: LATEST_VERSION, pending, oldestTransaction };
  if (version !== LATEST_VERSION) return { ...known, queues: [], instances: [] };
  const jobs = new PgJobStore(database, createStatements(schema));
  return { ...known, ...(await jobs.status([], undefined, (queue) => [SUSPENDED_KEY, `${queue}_${SUSPENDED_KEY}`])) };
}

function toTransaction(row: Row): OldestTransaction {
  return { pid: Number(row['pid']), applicationName: text(row['application_name']), openMs: Number(row['open_ms']) };
}
