import { Command } from 'commander';
import { cancelJobsCommand } from './cancel.command.js';
import { enqueueJobCommand } from './enqueue.command.js';
import { listJobsCommand } from './list.command.js';
import { retryJobsCommand } from './retry.command.js';
import { showJobCommand } from './show.command.js';

export function jobsCommand(): Command {
  const jobs = new Command('jobs').description('Looks at jobs, and steers them.').addHelpText(
    'after',
    `
Examples:
  $ npx notify-queue jobs list --state abandoned
  $ npx notify-queue jobs retry --queue mail --dry-run`,
  );
  for (const command of [listJobsCommand(), showJobCommand(), enqueueJobCommand(), retryJobsCommand(), cancelJobsCommand()]) jobs.addCommand(command);
  return jobs;
}
