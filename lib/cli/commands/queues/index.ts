import { Command, Option } from 'commander';
import { CliError } from '../../cli-error.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { print } from '../../output/print.js';
import { printable } from '../../output/text.js';
import { listQueues } from '../../status-text.js';
import { withQueue, type Queue } from '../../with-queue.js';

interface SuspendOptions extends DatabaseOptions, OutputOptions {
  readonly force: boolean;
}

const LIST_HELP = `Examples:
  $ npx notify-queue queues list
  $ npx notify-queue queues list --json | jq '.[] | select(.suspended)'`;

const suspendHelp = (verb: string): string => `Without a queue it ${verb} all of them; both stand beside each other. Running jobs go on. It is a row of the
table job_configs, which every process follows within milliseconds.

Examples:
  $ npx notify-queue queues ${verb.slice(0, -1)} mail
  $ npx notify-queue queues ${verb.slice(0, -1)}`;

export function queuesCommand(): Command {
  const queues = new Command('queues').description('Shows queues, suspends and resumes them.').addHelpText(
    'after',
    `
Examples:
  $ npx notify-queue queues list
  $ npx notify-queue queues suspend mail`,
  );
  queues.addCommand(databaseCommand('list', 'Lists the queues that have unfinished jobs, or a process that runs them.', LIST_HELP).action(list));
  for (const [name, description] of [
    ['suspend', 'Stops all processes from starting jobs.'],
    ['resume', 'Takes a suspension back.'],
  ] as const) {
    const command = databaseCommand(name, description, suspendHelp(`${name}s`))
      .argument('[queue]', 'only this one')
      .addOption(new Option('--force', 'also a queue that nobody seems to know').default(false))
      .action((queue: string | undefined, options: SuspendOptions) => steer(name, queue, options));
    queues.addCommand(command);
  }
  return queues;
}

async function list(options: DatabaseOptions & OutputOptions): Promise<void> {
  const { queues, instances } = await withQueue(options, ({ jobs }) => jobs.status());
  print(options.json, queues, () => listQueues(queues, instances));
}

async function steer(what: 'suspend' | 'resume', queue: string | undefined, options: SuspendOptions): Promise<void> {
  const status = await withQueue(options, async ({ jobs }) => {
    if (queue !== undefined && !options.force) await refuseUnknown(jobs, queue);
    await jobs[what](queue);
    return jobs.status();
  });
  const suspended = status.queues.filter((one) => one.suspended).map((one) => one.queue);
  const which = queue === undefined ? 'All queues are' : `Queue '${printable(queue)}' is`;
  const left = queue !== undefined && suspended.includes(queue) ? ', but all queues are suspended: `npx notify-queue queues resume`' : '';
  print(options.json, { queue: queue ?? null, suspended: what === 'suspend' }, () => (what === 'suspend' ? `${which} suspended.` : `${which} resumed${left}.`));
}

/** A row for a queue with a typing error would suspend nothing. */
async function refuseUnknown(jobs: Queue['jobs'], queue: string): Promise<void> {
  const { queues, instances } = await jobs.status();
  const known = new Set([...queues.map((one) => one.queue), ...instances.flatMap((instance) => instance.queues)]);
  if (known.has(queue)) return;
  throw new CliError(
    `No process runs queue '${printable(queue)}', and it has no unfinished job. Known: ${[...known].sort().map(printable).join(', ') || 'none'}. ` +
      'Pass --force to go on all the same.',
  );
}
