import { Command, Option } from 'commander';
import ms from 'ms';
import type { InstanceStatus, QueueStatus } from '../../interfaces/job-record.interface.js';
import { refuseNewer, schemaArgument } from '../../store/migrator.js';
import { schemaOption, urlOption, type DatabaseOptions } from '../options.js';
import { readStatus, type SchemaStatus } from '../read-status.js';
import { withDatabase } from '../with-database.js';

interface StatusOptions extends DatabaseOptions {
  readonly json: boolean;
}

/** Shorter transactions do no harm. */
const TELL_OPEN_MS = 10_000;

export function statusCommand(): Command {
  return new Command('status')
    .description('Tells the version of the tables, the jobs of each queue and the processes that run them.')
    .addOption(urlOption())
    .addOption(schemaOption())
    .addOption(new Option('--json', 'print one JSON object').default(false))
    .addHelpText(
      'after',
      `
Missing tables are no error: they show as version 0.

Examples:
  $ npx notify-queue status --url postgres://localhost/shop
  $ npx notify-queue status --json | jq '.queues[] | select(.oldestDueMs > 60000)'`,
    )
    .action(status);
}

async function status({ url, schema, json }: StatusOptions): Promise<void> {
  const found = await withDatabase(url, async (database) => {
    const read = await readStatus(database, schema);
    refuseNewer(read.version, schema);
    return read;
  });
  console.log(json ? JSON.stringify(found, undefined, 2) : describeStatus(found));
}

function describeStatus({ schema, version, latestVersion, queues, instances, oldestTransaction }: SchemaStatus): string {
  if (version < latestVersion) {
    const state = version === 0 ? 'has no tables of the queue' : `is at version ${version} of ${latestVersion}`;
    return `Schema '${schema}' ${state}. Run \`npx notify-queue migrate${schemaArgument(schema)}\`.`;
  }
  const head = `Schema '${schema}' is up to date (version ${version}).`;
  return [head, describeQueues(queues), describeInstances(instances), ...describeTransaction(oldestTransaction)].join('\n\n');
}

function describeTransaction(oldest: SchemaStatus['oldestTransaction']): string[] {
  if (!oldest || oldest.openMs < TELL_OPEN_MS) return [];
  const who = `${oldest.pid}${oldest.applicationName ? ` (${oldest.applicationName})` : ''}`;
  return [`Backend ${who} has had a transaction open for ${ms(Math.round(oldest.openMs))}: dead rows that it may see stay in the tables.`];
}

function describeQueues(queues: readonly QueueStatus[]): string {
  if (queues.length === 0) return 'No unfinished jobs.';
  const rows = queues.map((queue) => [
    queue.queue,
    String(queue.available),
    String(queue.scheduled),
    String(queue.reserved),
    queue.oldestDueMs === null ? '-' : ms(Math.round(queue.oldestDueMs)),
    queue.suspended ? 'suspended' : '',
  ]);
  return table(['queue', 'available', 'scheduled', 'running', 'oldest due', ''], rows);
}

function describeInstances(instances: readonly InstanceStatus[]): string {
  if (instances.length === 0) return 'No process runs jobs.';
  const rows = instances.map((instance) => [
    `${instance.host} (${instance.pid})`,
    instance.version,
    instance.alive ? 'alive' : 'silent',
    String(Object.values(instance.running).reduce((sum, count) => sum + count, 0)),
    instance.queues.join(', '),
  ]);
  return table(['process', 'version', '', 'running', 'queues'], rows);
}

/** Columns padded to their widest cell. */
function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd();
  return [head, ...rows].map(line).join('\n');
}
