import { Option, type Command } from 'commander';
import type { Duration } from '../../../interfaces/duration.interface.js';
import type { BulkUpdate } from '../../../interfaces/bulk.interface.js';
import { CliError } from '../../cli-error.js';
import { databaseCommand, parseDurationText, parseInteger } from '../../options.js';
import { addBulk, LEFT_ALONE, runBulk, type Bulk, type BulkCommandOptions } from './bulk.js';
import { parseDate } from './criteria.js';

interface UpdateOptions extends BulkCommandOptions {
  readonly priority?: number;
  readonly delay?: string;
  readonly runAt?: Date;
}

const HELP = `Without --state, all waiting jobs are chosen.

Examples:
  $ npx notify-queue jobs update 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c --delay 0
  $ npx notify-queue jobs update --name newsletter.send --priority 100 --dry-run`;

export function updateJobsCommand(): Command {
  return addBulk(databaseCommand('update', 'Changes the priority or the due time of waiting jobs.', HELP))
    .addOption(new Option('--priority <number>', 'lower runs first').argParser(parseInteger(-32_768, 32_767)))
    .addOption(new Option('--delay <duration>', 'due so much later than now').argParser(parseDurationText).conflicts('runAt'))
    .addOption(new Option('--run-at <date>', 'due at this time').argParser(parseDate))
    .action((ids: string[], { priority, delay, runAt, ...options }: UpdateOptions) =>
      runBulk(updating({ priority, delay: delay as Duration | undefined, runAt }), ids, options),
    );
}

/** @throws CliError */
function updating(changes: BulkUpdate): Bulk {
  if (Object.values(changes).every((value) => value === undefined)) throw new CliError('Say what is to be changed: --priority, --delay or --run-at.');
  return {
    done: 'Changed',
    doing: 'Changing',
    states: ['scheduled', 'available', 'held', 'blocked'],
    one: async ({ jobs }, id) => LEFT_ALONE[await jobs.update(id, changes)],
    many: ({ jobs }, criteria, options) => jobs.updateMany(criteria, changes, options),
  };
}
