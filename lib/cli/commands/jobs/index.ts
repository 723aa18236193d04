import { Command } from 'commander';
import { cancelJobsCommand } from './cancel.command.js';
import { enqueueJobCommand } from './enqueue.command.js';
import { holdJobsCommand, releaseJobsCommand } from './hold.command.js';
import { listJobsCommand } from './list.command.js';
import { moveJobsCommand } from './move.command.js';
import { retryJobsCommand } from './retry.command.js';
import { showJobCommand } from './show.command.js';
import { updateJobsCommand } from './update.command.js';

export function jobsCommand(): Command {
  const jobs = new Command('jobs').description('Looks at jobs, and steers them.').addHelpText(
    'after',
    `
Examples:
  $ npx notify-queue jobs list --state abandoned
  $ npx notify-queue jobs retry --queue mail --dry-run`,
  );
  const commands = [
    listJobsCommand,
    showJobCommand,
    enqueueJobCommand,
    retryJobsCommand,
    cancelJobsCommand,
    holdJobsCommand,
    releaseJobsCommand,
    updateJobsCommand,
    moveJobsCommand,
  ];
  for (const command of commands) jobs.addCommand(command());
  return jobs;
}
