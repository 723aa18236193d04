import type { Command } from 'commander';
import { databaseCommand } from '../../options.js';
import { addBulk, runBulk, type Bulk, type BulkCommandOptions } from './bulk.js';

const HELP = `Without --state, only abandoned jobs are chosen. Where jobs are chosen by options it counts them and asks first.

Examples:
  $ npx notify-queue jobs retry 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c
  $ npx notify-queue jobs retry --queue mail --since 2027-01-31 --dry-run
  $ npx notify-queue jobs retry --queue mail --state abandoned,cancelled --yes`;

const RETRY: Bulk = {
  done: 'Retried',
  doing: 'Retrying',
  states: ['abandoned'],
  async one({ jobs }, id) {
    await jobs.retry(id);
    return 'done';
  },
  many: ({ jobs }, criteria, options) => jobs.retryMany(criteria, options),
};

export function retryJobsCommand(): Command {
  return addBulk(databaseCommand('retry', 'Runs finished jobs again, with attempts from zero.', HELP)).action((ids: string[], options: BulkCommandOptions) =>
    runBulk(RETRY, ids, options),
  );
}
