import { Command } from 'commander';
import { migrationSql } from '../../../migrations/apply.js';
import { jsonOption, schemaOption, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';

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
    .addOption(jsonOption())
    .action(({ schema, json }: { schema: string } & OutputOptions) => print(json, { schema, sql: migrationSql(schema) }, () => migrationSql(schema).trimEnd()));
}
