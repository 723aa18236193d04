import { Option, type Command } from 'commander';
import type { JobRecord, JobState } from '../../../interfaces/job-record.interface.js';
import { peek } from '../../../core/peek.js';
import { CliError, oneLine } from '../../cli-error.js';
import { confirm } from '../../output/confirm.js';
import { print } from '../../output/print.js';
import { forEach } from '../../output/progress.js';
import { count } from '../../output/text.js';
import { parseInteger, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { withQueue, type Queue } from '../../with-queue.js';
import { addCriteria, criteriaOf, hasCriteria, type CriteriaOptions } from './criteria.js';
import { listJobs } from './job-text.js';

export interface BulkOptions extends DatabaseOptions, OutputOptions, CriteriaOptions {
  readonly max: number;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** Something that is done to one job after another. */
export interface Bulk {
  /** `Retried`, `Cancelled`. */
  readonly done: string;
  /** `Retrying`, `Cancelling`. */
  readonly doing: string;
  /** In which a job is that is chosen by other criteria. */
  readonly states: readonly JobState[];
  /** Resolves to what the job's outcome is called. */
  readonly task: (queue: Queue, id: string) => Promise<string>;
}

/** Jobs to show of what would be done. */
const SHOWN = 10;

/** Ids, or options that choose jobs. */
export function addBulk(command: Command): Command {
  return addCriteria(command.argument('[ids...]', 'of the jobs, unless options choose them'))
    .addOption(new Option('--max <number>', 'refuse to touch more jobs than this').default(10_000).argParser(parseInteger(1, 1_000_000)))
    .addOption(new Option('--dry-run', 'only tell which jobs it would be').default(false))
    .addOption(new Option('--yes', 'do not ask').default(false));
}

/** @throws CliError */
export async function runBulk(bulk: Bulk, ids: readonly string[], options: BulkOptions): Promise<void> {
  const { max, dryRun, yes, json } = options;
  const byIds = ids.length > 0;
  if (byIds === hasCriteria(options)) throw new CliError('Name the jobs by their ids, or choose them by --queue, --name, --state and the like, one of the two.');
  await withQueue(options, async (queue) => {
    const chosen = byIds ? ids : await choose(queue, bulk, options);
    if (chosen.length > max) throw new CliError(`These are more than ${max} jobs. Choose fewer, or raise --max.`);
    const what = `${bulk.doing} ${count(chosen.length, 'job')}`;
    if (dryRun) return preview(queue, chosen, json);
    if (!byIds && chosen.length > 0) await confirm(`${what}.`, yes);
    const outcomes: Record<string, number> = {};
    const failures: Array<{ id: string; code?: unknown; message: string }> = [];
    await forEach(bulk.doing, chosen, async (id) => {
      try {
        const outcome = await bulk.task(queue, id);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      } catch (error) {
        failures.push({ id, code: peek(error, 'code'), message: oneLine(error) });
      }
    });
    if (failures.length > 0) process.exitCode = 1;
    print(json, { jobs: chosen.length, ...outcomes, failures }, () => describe(bulk, outcomes, failures));
  });
}

async function choose({ jobs }: Queue, { states }: Bulk, options: BulkOptions): Promise<string[]> {
  const ids: string[] = [];
  const criteria = { ...criteriaOf(options), state: options.state ?? states };
  for await (const { id } of jobs.iterate(criteria, { limit: 1_000 })) {
    ids.push(id);
    if (ids.length > options.max) break;
  }
  return ids;
}

async function preview({ jobs }: Queue, ids: readonly string[], json: boolean): Promise<void> {
  const shown = (await Promise.all(ids.slice(0, SHOWN).map((id) => jobs.get(id)))).filter((job): job is JobRecord => job !== undefined);
  const more = ids.length > shown.length ? `\nand ${ids.length - shown.length} more` : '';
  print(json, { jobs: ids.length, dryRun: true }, () => `It would be ${count(ids.length, 'job')}.\n${listJobs(shown)}${more}`);
}

function describe({ done }: Bulk, outcomes: Record<string, number>, failures: ReadonlyArray<{ id: string; message: string }>): string {
  const { done: all = 0, ...others } = outcomes;
  const lines = [`${done} ${count(all, 'job')}.`, ...Object.entries(others).map(([outcome, jobs]) => `${count(jobs, 'job')}: ${outcome.replaceAll('_', ' ')}.`)];
  return [...lines, ...failures.slice(0, SHOWN).map(({ message }) => message)].join('\n');
}
