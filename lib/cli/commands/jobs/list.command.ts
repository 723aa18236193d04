import { Option, type Command } from 'commander';
import type { PageOptions } from '../../../interfaces/job-record.interface.js';
import { print } from '../../output/print.js';
import { databaseCommand, parseInteger, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { withQueue } from '../../with-queue.js';
import { addCriteria, criteriaOf, type CriteriaOptions } from './criteria.js';
import { listJobs } from './job-text.js';

interface ListOptions extends DatabaseOptions, OutputOptions, CriteriaOptions {
  readonly limit: number;
  readonly cursor?: string;
  readonly order: PageOptions['order'];
}

const HELP = `Without --state, finished jobs are listed too.

Examples:
  $ npx notify-queue jobs list --queue mail --state abandoned
  $ npx notify-queue jobs list --payload '{"orderId":7}' --json | jq '.jobs[].id'`;

export function listJobsCommand(): Command {
  return addCriteria(databaseCommand('list', 'Lists jobs, the newest first.', HELP))
    .addOption(new Option('--limit <number>', 'at most so many').default(20).argParser(parseInteger(1, 1_000)))
    .addOption(new Option('--cursor <id>', 'go on behind this job, the `nextCursor` of the page before'))
    .addOption(new Option('--order <order>', 'by time of creation').choices(['newest', 'oldest']).default('newest'))
    .action(list);
}

async function list(options: ListOptions): Promise<void> {
  const { limit, cursor, order, json } = options;
  const page = await withQueue(options, ({ jobs }) => jobs.find(criteriaOf(options), { limit, cursor, order }));
  const { jobs, nextCursor } = page;
  const more = nextCursor === undefined ? '' : `\nThere are more: --cursor ${nextCursor}`;
  print(json, { jobs, nextCursor: nextCursor ?? null }, () => listJobs(jobs) + more);
}
