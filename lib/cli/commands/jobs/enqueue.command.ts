import { Option, type Command } from 'commander';
import { peek } from '../../../core/peek.js';
import type { Duration } from '../../../interfaces/duration.interface.js';
import type { UniqueOptions } from '../../../interfaces/enqueue.interface.js';
import { CliError, oneLine } from '../../cli-error.js';
import { print } from '../../output/print.js';
import { databaseCommand, parseDurationText, parseInteger, parseJson, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { withQueue } from '../../with-queue.js';
import { parseDate } from './criteria.js';
import { showJob } from './job-text.js';

interface EnqueueCommandOptions extends DatabaseOptions, OutputOptions {
  readonly queue?: string;
  readonly delay?: string;
  readonly runAt?: Date;
  readonly priority?: number;
  readonly id?: string;
  readonly tag?: string[];
  readonly group?: string;
  readonly unique?: string | true;
  readonly onConflict?: UniqueOptions['onConflict'];
  readonly wait?: string | true;
}

const DEFAULT_WAIT = '30s';

const HELP = `The command line knows no definitions: name the queue, unless it is 'default'.

With --wait the exit code is 0 when the job has completed, 1 when it was abandoned or cancelled, and 2 when it has not finished in time.

Examples:
  $ npx notify-queue jobs enqueue invoice.send '{"orderId":7}' --queue mail
  $ npx notify-queue jobs enqueue cache.warm --wait 1m --json
  $ npx notify-queue jobs enqueue report.build '{"month":7}' --unique july --on-conflict replace`;

export function enqueueJobCommand(): Command {
  return databaseCommand('enqueue', 'Stores a job.', HELP)
    .argument('<name>', 'of the job')
    .argument('[payload]', 'as JSON (default: {})', parseJson)
    .addOption(new Option('--queue <queue>', 'to put it into').default('default'))
    .addOption(new Option('--delay <duration>', 'run it so much later').argParser(parseDurationText).conflicts('runAt'))
    .addOption(new Option('--run-at <date>', 'run it at this time').argParser(parseDate))
    .addOption(new Option('--priority <number>', 'lower runs first (default: 0)').argParser(parseInteger(-32_768, 32_767)))
    .addOption(new Option('--id <uuid>', 'store it only if there is no job of this id'))
    .addOption(new Option('--tag <tag...>', 'to find it by'))
    .addOption(new Option('--group <group>', 'jobs of one group run one after another'))
    .addOption(new Option('--unique [key]', 'let there be one such job at a time, told apart by this key, else by the payload'))
    .addOption(new Option('--on-conflict <what>', 'to do with the other job of --unique').choices(['keep', 'replace', 'postpone', 'again']))
    .addOption(new Option('--wait [duration]', `wait until it has finished (for ${DEFAULT_WAIT} at most)`).argParser(parseDurationText))
    .action(enqueue);
}

async function enqueue(name: string, payload: unknown, options: EnqueueCommandOptions): Promise<void> {
  const { queue, runAt, priority, id, group, tag: tags, onConflict, wait, json } = options;
  const delay = options.delay as Duration | undefined;
  if (onConflict !== undefined && options.unique === undefined) throw new CliError('--on-conflict says what to do with the other job of --unique, which is missing: add it.');
  const unique = options.unique === undefined ? undefined : { key: options.unique === true ? undefined : options.unique, onConflict };
  await withQueue(options, async ({ jobs }) => {
    const job = await jobs.enqueue(name, payload === undefined ? {} : payload, { queue, delay, runAt, priority, id, tags, group, unique });
    if (job.outcome !== 'created') console.error(`There is such a job already: ${job.outcome}.`);
    if (wait === undefined) return print(json, job, () => job.id);
    if (process.stderr.isTTY) console.error(`Enqueued ${job.id}, waiting ...`);
    try {
      await jobs.result(job, { timeout: (wait === true ? DEFAULT_WAIT : wait) as Duration });
    } catch (error) {
      const code = peek(error, 'code');
      if (code === 'RESULT_TIMEOUT') throw new CliError(oneLine(error), { exitCode: 2, cause: error });
      if (code !== 'JOB_ABANDONED' && code !== 'JOB_CANCELLED') throw error;
      process.exitCode = 1;
    }
    const ended = await jobs.get(job.id);
    if (ended) print(json, ended, () => showJob(ended));
  });
}
