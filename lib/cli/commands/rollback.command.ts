import { Command, Option } from 'commander';
import { appliedVersion, LATEST_VERSION, revertMigration } from '../../../migrations/apply.js';
import type { Database } from '../../store/database.js';
import { refuseNewer } from '../../store/migrator.js';
import { CliError } from '../cli-error.js';
import { schemaOption, urlOption, type DatabaseOptions } from '../options.js';
import { readStatus } from '../read-status.js';
import { withDatabase } from '../with-database.js';

interface RollbackOptions extends DatabaseOptions {
  readonly force: boolean;
}

export function rollbackCommand(): Command {
  return new Command('rollback')
    .description('Takes the newest migration back. Taking back the first one removes all tables, with all jobs and configs.')
    .addOption(urlOption())
    .addOption(schemaOption())
    .addOption(new Option('--force', 'also while jobs are unfinished or processes use the tables').default(false))
    .addHelpText(
      'after',
      `
Stop the application first. If TypeORM ran the migrations, use its \`migration:revert\` instead, or else its own
table goes on to list them as applied.

Examples:
  $ npx notify-queue rollback --url postgres://localhost/shop
  $ npx notify-queue rollback --schema billing --force`,
    )
    .action(rollback);
}

async function rollback({ url, schema, force }: RollbackOptions): Promise<void> {
  const line = await withDatabase(url, async (database) => {
    if (!force) await refuseInUse(database, schema);
    return database.withClient(async (query) => {
      refuseNewer(await appliedVersion(query, schema), schema);
      const reverted = await revertMigration(query, schema);
      if (!reverted) return `Schema '${schema}' has no tables of the queue: nothing to take back.`;
      const version = await appliedVersion(query, schema);
      return `Took ${reverted} back. Schema '${schema}' ${version ? `is at version ${version}` : 'has no tables of the queue now'}.`;
    });
  });
  console.log(line);
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
