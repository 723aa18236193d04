import type { Command } from 'commander';
import { CliError } from '../../cli-error.js';
import { print } from '../../output/print.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { withQueue } from '../../with-queue.js';
import { showJob } from './job-text.js';

const HELP = `Examples:
  $ npx notify-queue jobs show 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c
  $ npx notify-queue jobs show 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c --json | jq .failure`;

export function showJobCommand(): Command {
  return databaseCommand('show', 'Shows all that is known of a job.', HELP).argument('<id>', 'of the job').action(show);
}

async function show(id: string, options: DatabaseOptions & OutputOptions): Promise<void> {
  const job = await withQueue(options, ({ jobs }) => jobs.get(id));
  if (!job) throw new CliError(`There is no job ${id}, or its history is not kept any more.`);
  print(options.json, job, () => showJob(job));
}
