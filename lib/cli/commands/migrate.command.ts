import { Option, type Command } from 'commander';
import { appliedVersion, applyMigrations, LATEST_VERSION, migrationScripts } from '../../../migrations/apply.js';
import { refuseNewer } from '../../store/migrator.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';
import { withDatabase } from '../with-database.js';

interface MigrateOptions extends DatabaseOptions, OutputOptions {
  readonly dryRun: boolean;
}

const HELP = `May be run by any number of deployments at once, and again: what has been applied is left alone. Also beside
TypeORM: \`migration:run\` of the same tables finds nothing to do afterwards. \`npx notify-queue sql\` prints the statements.

Examples:
  $ npx notify-queue migrate
  $ npx notify-queue migrate --url postgres://shop@localhost/shop --schema billing
  $ npx notify-queue migrate --dry-run --json`;

export function migrateCommand(): Command {
  return databaseCommand('migrate', 'Creates the tables, or brings them to the version that this release needs.', HELP)
    .addOption(new Option('--dry-run', 'only tell what would be applied').default(false))
    .action(migrate);
}

async function migrate({ url, schema, dryRun, json }: MigrateOptions): Promise<void> {
  const steps = await withDatabase(url, (database) =>
    database.withClient(async (query) => {
      const version = await appliedVersion(query, schema);
      refuseNewer(version, schema);
      return dryRun ? migrationScripts.slice(version).map(({ name }) => name) : applyMigrations(query, schema);
    }),
  );
  print(json, { schema, version: LATEST_VERSION, [dryRun ? 'pending' : 'applied']: steps }, () =>
    steps.length === 0
      ? `Schema '${schema}' is up to date (version ${LATEST_VERSION}).`
      : steps.map((name) => `${dryRun ? 'Would apply' : 'Applied'} ${name} to schema '${schema}'.`).join('\n'),
  );
}
