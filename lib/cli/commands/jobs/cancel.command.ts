import { Option, type Command } from 'commander';
import { databaseCommand } from '../../options.js';
import { addBulk, runBulk, type Bulk, type BulkCommandOptions } from './bulk.js';

interface CancelOptions extends BulkCommandOptions {
  readonly abort: boolean;
}

const HELP = `Without --state, only waiting jobs are chosen, and with --abort running ones too. Cancelled jobs are kept in the history for 30 days.

Examples:
  $ npx notify-queue jobs cancel 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c --abort
  $ npx notify-queue jobs cancel --name report.build --payload '{"month":"2027-01"}' --yes`;

export function cancelJobsCommand(): Command {
  return addBulk(databaseCommand('cancel', 'Cancels jobs that wait.', HELP))
    .addOption(new Option('--abort', 'also fire the signal of those that run').default(false))
    .action((ids: string[], options: CancelOptions) => runBulk(cancelling(options.abort), ids, options));
}

function cancelling(abort: boolean): Bulk {
  return {
    done: 'Cancelled',
    doing: 'Cancelling',
    states: abort ? ['scheduled', 'available', 'held', 'blocked', 'reserved'] : ['scheduled', 'available', 'held', 'blocked'],
    async one({ jobs }, id) {
      const answer = await jobs.cancel(id, { abort });
      if (answer === 'not_found') return 'not_waiting';
      if (answer === 'ok') return 'done';
      return abort ? 'told_to_end' : 'running';
    },
    many: ({ jobs }, criteria, options) => jobs.cancelMany(criteria, { ...options, abort }),
  };
}
