import { Command } from 'commander';
import { migrationSql } from '../../../migrations/apply.js';
import { schemaOption } from '../options.js';

export function sqlCommand(): Command {
  return new Command('sql')
    .description('Prints the DDL of all tables as one transaction, for those who apply SQL by hand.')
    .addOption(schemaOption())
    .addHelpText(
      'after',
      `
Needs no database. For an empty schema only; the application finds the tables as if \`migrate\` had made them.

Examples:
  $ npx notify-queue sql > notify-queue.sql
  $ npx notify-queue sql --schema billing | psql -v ON_ERROR_STOP=1 "$DATABASE_URL"`,
    )
    .action(({ schema }: { schema: string }) => void process.stdout.write(migrationSql(schema)));
}
