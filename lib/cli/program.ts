import { Command } from 'commander';
import { VERSION } from '../version.js';
import { errorJson } from './cli-error.js';
import { configsCommand } from './commands/configs/index.js';
import { demoCommand } from './commands/demo.command.js';
import { doctorCommand } from './commands/doctor.command.js';
import { initCommand } from './commands/init.command.js';
import { jobsCommand } from './commands/jobs/index.js';
import { migrateCommand } from './commands/migrate.command.js';
import { migrationCreateCommand } from './commands/migration-create.command.js';
import { queuesCommand } from './commands/queues/index.js';
import { rollbackCommand } from './commands/rollback.command.js';
import { sqlCommand } from './commands/sql.command.js';
import { statusCommand } from './commands/status.command.js';

/** What a bad option or a missing argument comes to, for programs too. */
function reportIn(command: Command): void {
  command.configureOutput({ outputError: (text, write) => write(process.argv.includes('--json') ? `${errorJson(new Error(text.replace(/^error: /, '')))}\n` : text) });
  for (const child of command.commands) reportIn(child);
}

/** The command line. Without a command it prints its help. */
export function createProgram(): Command {
  const program = new Command('notify-queue')
    .description('Sets nestjs-notify-queue up, shows what it does, and steers it.')
    .version(VERSION, '-V, --version', 'print the version of the package')
    .addHelpText(
      'after',
      `
The database is the one of --url, else of NOTIFY_QUEUE_DATABASE_URL, else of DATABASE_URL.
Every command prints JSON with --json, its errors too. Set DEBUG=1 to see where an error comes from.

Examples:
  $ npx notify-queue init
  $ npx notify-queue migrate --url postgres://localhost/shop
  $ npx notify-queue jobs list --state abandoned
  $ npx notify-queue doctor --json`,
    );
  const commands = [
    initCommand(),
    demoCommand(),
    migrateCommand(),
    statusCommand(),
    doctorCommand(),
    jobsCommand(),
    queuesCommand(),
    configsCommand(),
    rollbackCommand(),
    migrationCreateCommand(),
    sqlCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  reportIn(program);
  return program;
}
