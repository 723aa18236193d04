import type { Command } from 'commander';
import type { CancelResult, JobState } from '../../../interfaces/job-record.interface.js';
import { databaseCommand } from '../../options.js';
import type { Queue } from '../../with-queue.js';
import { addBulk, runBulk, type Bulk, type BulkOptions } from './bulk.js';

const help = (name: string): string => `Examples:
  $ npx notify-queue jobs ${name} 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c
  $ npx notify-queue jobs ${name} --queue mail --dry-run`;

export function holdJobsCommand(): Command {
  const bulk = steering('Held', 'Holding', ['scheduled', 'available'], ({ jobs }, id) => jobs.hold(id));
  return command('hold', 'Keeps waiting jobs from running until they are released.', bulk);
}

export function releaseJobsCommand(): Command {
  const bulk = steering('Released', 'Releasing', ['held'], ({ jobs }, id) => jobs.release(id));
  return command('release', 'Lets jobs that are held run when they are due.', bulk);
}

function command(name: string, description: string, bulk: Bulk): Command {
  return addBulk(databaseCommand(name, description, help(name))).action((ids: string[], options: BulkOptions) => runBulk(bulk, ids, options));
}

function steering(done: string, doing: string, states: readonly JobState[], steer: (queue: Queue, id: string) => Promise<CancelResult>): Bulk {
  return { done, doing, states, task: async (queue, id) => OUTCOMES[await steer(queue, id)] };
}

const OUTCOMES: Record<CancelResult, string> = { ok: 'done', in_progress: 'running', not_found: 'not_waiting' };
