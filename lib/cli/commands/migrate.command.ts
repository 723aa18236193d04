import { Command } from 'commander';
import { appliedVersion, applyMigrations, LATEST_VERSION } from '../../../migrations/apply.js';
import { refuseNewer } from '../../store/migrator.js';
import { schemaOption, urlOption, type DatabaseOptions } from '../options.js';
import { withDatabase } from '../with-database.js';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Creates the tables, or brings them to the version that this release needs.')
    .addOption(urlOption())
    .addOption(schemaOption())
    .addHelpText(
      'after',
      `
May be run by any number of deployments at once, and again: what has been applied is left alone. Also beside
TypeORM: \`migration:run\` of the same tables finds nothing to do afterwards.

Examples:
  $ npx notify-queue migrate
  $ npx notify-queue migrate --url postgres://shop@localhost/shop --schema billing`,
    )
    .action(migrate);
}

async function migrate({ url, schema }: DatabaseOptions): Promise<void> {
  const applied = await withDatabase(url, (database) =>
    database.withClient(async (query) => {
      refuseNewer(await appliedVersion(query, schema), schema);
      return applyMigrations(query, schema);
    }),
  );
  for (const name of applied) console.log(`Applied ${name} to schema '${schema}'.`);
  if (applied.length === 0) console.log(`Schema '${schema}' is up to date (version ${LATEST_VERSION}).`);
}
