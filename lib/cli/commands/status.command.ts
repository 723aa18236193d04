import type { Command } from 'commander';
import ms from 'ms';
import { refuseNewer, schemaArgument } from '../../store/migrator.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';
import { printable } from '../output/text.js';
import { readStatus, type SchemaStatus } from '../read-status.js';
import { listInstances, listQueues } from '../status-text.js';
import { withDatabase } from '../with-database.js';

/** Shorter transactions do no harm. */
const TELL_OPEN_MS = 10_000;

const HELP = `Missing tables, or older ones, show as version 0 or a lower one, and the exit code is 1.

Examples:
  $ npx notify-queue status --url postgres://localhost/shop
  $ npx notify-queue status --json | jq '.queues[] | select(.oldestDueMs > 60000)'`;

export function statusCommand(): Command {
  return databaseCommand('status', 'Tells the version of the tables, the jobs of each queue and the processes that run them.', HELP).action(status);
}

async function status({ url, schema, json }: DatabaseOptions & OutputOptions): Promise<void> {
  const found = await withDatabase(url, async (database) => {
    const read = await readStatus(database, schema);
    refuseNewer(read.version, schema);
    return read;
  });
  if (found.pending.length > 0) process.exitCode = 1;
  print(json, found, () => describeStatus(found));
}

function describeStatus({ schema, version, latestVersion, queues, instances, oldestTransaction }: SchemaStatus): string {
  if (version < latestVersion) {
    const state = version === 0 ? 'has no tables of the queue' : `is at version ${version} of ${latestVersion}`;
    return `Schema '${schema}' ${state}. Run \`npx notify-queue migrate${schemaArgument(schema)}\`.`;
  }
  const head = `Schema '${schema}' is up to date (version ${version}).`;
  return [head, listQueues(queues, instances), listInstances(instances), ...describeTransaction(oldestTransaction)].join('\n\n');
}

function describeTransaction(oldest: SchemaStatus['oldestTransaction']): string[] {
  if (!oldest || oldest.openMs < TELL_OPEN_MS) return [];
  const who = `${oldest.pid}${oldest.applicationName ? ` (${printable(oldest.applicationName)})` : ''}`;
  return [`Backend ${who} has had a transaction open for ${ms(Math.round(oldest.openMs))}: dead rows that it may see stay in the tables.`];
}
