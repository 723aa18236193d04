import { Command } from 'commander';
import { VERSION } from '../version.js';
import { migrateCommand } from './commands/migrate.command.js';
import { migrationCreateCommand } from './commands/migration-create.command.js';
import { rollbackCommand } from './commands/rollback.command.js';
import { sqlCommand } from './commands/sql.command.js';
import { statusCommand } from './commands/status.command.js';

/** The command line. Without a command it prints its help. */
export function createProgram(): Command {
  const program = new Command('notify-queue')
    .description('Creates, inspects and removes the tables of nestjs-notify-queue.')
    .version(VERSION, '-V, --version', 'print the version of the package')
    .addHelpText(
      'after',
      `
The database is the one of --url, else of NOTIFY_QUEUE_DATABASE_URL, else of DATABASE_URL.
Set DEBUG=1 to see where an error comes from.

Examples:
  $ npx notify-queue migrate --url postgres://localhost/shop
  $ npx notify-queue migration:create --dir src/migrations
  $ npx notify-queue status --json`,
    );
  const commands = [migrateCommand(), rollbackCommand(), statusCommand(), migrationCreateCommand(), sqlCommand()];
  for (const command of commands) program.addCommand(command);
  return program;
}
