import { Option, type Command } from 'commander';
import { appliedVersion, LATEST_VERSION, revertMigration } from '../../../migrations/apply.js';
import type { Database } from '../../store/database.js';
import { refuseNewer } from '../../store/migrator.js';
import { CliError } from '../cli-error.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';
import { readStatus } from '../read-status.js';
import { withDatabase } from '../with-database.js';

interface RollbackOptions extends DatabaseOptions, OutputOptions {
  readonly force: boolean;
}

const HELP = `Stop the application first. If TypeORM ran the migrations, use its \`migration:revert\` instead, or else its own
table goes on to list them as applied.

Examples:
  $ npx notify-queue rollback --url postgres://localhost/shop
  $ npx notify-queue rollback --schema billing --force`;

export function rollbackCommand(): Command {
  return databaseCommand('rollback', 'Takes the newest migration back. Taking back the first one removes all tables, with all jobs and configs.', HELP)
    .addOption(new Option('--force', 'also while jobs are unfinished or processes use the tables').default(false))
    .action(rollback);
}

async function rollback({ url, schema, force, json }: RollbackOptions): Promise<void> {
  const { reverted, version } = await withDatabase(url, async (database) => {
    if (!force) await refuseInUse(database, schema);
    return database.withClient(async (query) => {
      refuseNewer(await appliedVersion(query, schema), schema);
      return { reverted: await revertMigration(query, schema), version: await appliedVersion(query, schema) };
    });
  });
  print(json, { schema, version, reverted: reverted ?? null }, () => {
    if (!reverted) return `Schema '${schema}' has no tables of the queue: nothing to take back.`;
    return `Took ${reverted} back. Schema '${schema}' ${version ? `is at version ${version}` : 'has no tables of the queue now'}.`;
  });
}

async function refuseInUse(database: Database, schema: string): Promise<void> {
  const { version, queues, instances } = await readStatus(database, schema);
  if (version !== LATEST_VERSION) return;
  const jobs = queues.reduce((sum, queue) => sum + queue.count, 0);
  const processes = instances.filter((instance) => instance.alive).length;
  if (jobs === 0 && processes === 0) return;
  throw new CliError(
    `Schema '${schema}' has ${jobs} unfinished job(s), and ${processes} process(es) use it. ` +
      'Stop the application and let its jobs finish, or pass --force to go on all the same.',
  );
}
