import type { Command } from 'commander';
import { databaseCommand } from '../../options.js';
import { addBulk, LEFT_ALONE, runBulk, type Bulk, type BulkCommandOptions } from './bulk.js';

const help = (name: string): string => `Examples:
  $ npx notify-queue jobs ${name} 0192f0c1-5d2e-7c3a-9b1f-2d3e4f5a6b7c
  $ npx notify-queue jobs ${name} --queue mail --dry-run`;

export function holdJobsCommand(): Command {
  return command('hold', 'Keeps waiting jobs from running until they are released.', {
    done: 'Held',
    doing: 'Holding',
    states: ['scheduled', 'available', 'blocked'],
    one: async ({ jobs }, id) => LEFT_ALONE[await jobs.hold(id)],
    many: ({ jobs }, criteria, options) => jobs.holdMany(criteria, options),
  });
}

export function releaseJobsCommand(): Command {
  return command('release', 'Lets jobs that are held run when they are due.', {
    done: 'Released',
    doing: 'Releasing',
    states: ['held'],
    one: async ({ jobs }, id) => LEFT_ALONE[await jobs.release(id)],
    many: ({ jobs }, criteria, options) => jobs.releaseMany(criteria, options),
  });
}

function command(name: string, description: string, bulk: Bulk): Command {
  return addBulk(databaseCommand(name, description, help(name))).action((ids: string[], options: BulkCommandOptions) => runBulk(bulk, ids, options));
}
