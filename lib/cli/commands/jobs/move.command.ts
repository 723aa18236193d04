import { Option, type Command } from 'commander';
import { databaseCommand } from '../../options.js';
import { addBulk, LEFT_ALONE, runBulk, type Bulk, type BulkCommandOptions } from './bulk.js';

interface MoveOptions extends BulkCommandOptions {
  readonly to: string;
}

const HELP = `Without --state, all waiting jobs are chosen. Attempts count from zero in the other queue.

Examples:
  $ npx notify-queue jobs move 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c --to mail
  $ npx notify-queue jobs move --queue mail-failed --to mail --yes`;

export function moveJobsCommand(): Command {
  return addBulk(databaseCommand('move', 'Moves waiting jobs to another queue.', HELP))
    .addOption(new Option('--to <queue>', 'where to').makeOptionMandatory())
    .action((ids: string[], options: MoveOptions) => runBulk(moving(options.to), ids, options));
}

function moving(to: string): Bulk {
  return {
    done: 'Moved',
    doing: 'Moving',
    states: ['scheduled', 'available', 'held', 'blocked'],
    one: async ({ jobs }, id) => LEFT_ALONE[await jobs.move(id, to)],
    many: ({ jobs }, criteria, options) => jobs.moveMany(criteria, to, options),
  };
}
