import { Option, type Command } from 'commander';
import type { BulkOptions, BulkResult } from '../../../interfaces/bulk.interface.js';
import type { CancelResult, JobCriteria, JobState } from '../../../interfaces/job-record.interface.js';
import { peek } from '../../../core/peek.js';
import { CliError, oneLine } from '../../cli-error.js';
import { confirm } from '../../output/confirm.js';
import { print } from '../../output/print.js';
import { forEach, withProgress } from '../../output/progress.js';
import { count } from '../../output/text.js';
import { parseInteger, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { withQueue, type Queue } from '../../with-queue.js';
import { addCriteria, criteriaOf, hasCriteria, type CriteriaOptions } from './criteria.js';
import { listJobs } from './job-text.js';

export interface BulkCommandOptions extends DatabaseOptions, OutputOptions, CriteriaOptions {
  readonly max: number;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** Something that is done to jobs. */
export interface Bulk {
  /** `Retried`, `Cancelled`. */
  readonly done: string;
  /** `Retrying`, `Cancelling`. */
  readonly doing: string;
  /** In which a job is that is chosen by other criteria. */
  readonly states: readonly JobState[];
  /** To one; resolves to what the job's outcome is called. */
  readonly one: (queue: Queue, id: string) => Promise<string>;
  /** To many. */
  readonly many: (queue: Queue, criteria: JobCriteria, options: BulkOptions) => Promise<BulkResult>;
}

/** What the outcomes of calls for waiting jobs are called. */
export const LEFT_ALONE: Readonly<Record<CancelResult, string>> = { ok: 'done', in_progress: 'running', not_found: 'not_waiting' };

interface Report {
  readonly jobs: number;
  /** How many had which outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly failures: ReadonlyArray<{ id: string; code?: unknown; message: string }>;
}

/** Jobs to show of what would be done. */
const SHOWN = 10;
/** As shells have it for a command that was interrupted. */
const INTERRUPTED = 130;

/** Ids, or options that choose jobs. */
export function addBulk(command: Command): Command {
  return addCriteria(command.argument('[ids...]', 'of the jobs, unless options choose them'))
    .addOption(new Option('--max <number>', 'refuse to touch more jobs than this').default(10_000).argParser(parseInteger(1, 1_000_000_000)))
    .addOption(new Option('--dry-run', 'only tell which jobs it would be').default(false))
    .addOption(new Option('--yes', 'do not ask').default(false));
}

/** @throws CliError */
export async function runBulk(bulk: Bulk, ids: readonly string[], options: BulkCommandOptions): Promise<void> {
  const byIds = ids.length > 0;
  if (byIds === hasCriteria(options)) throw new CliError('Name the jobs by their ids, or choose them by --queue, --name, --state and the like, one of the two.');
  if (ids.length > options.max) throw tooMany(options.max);
  await withQueue(options, async (queue) => {
    const report = byIds ? await doByIds(bulk, queue, ids, options) : await doByCriteria(bulk, queue, options);
    if (!report) return;
    if (report.failures.length > 0) process.exitCode = 1;
    print(options.json, { jobs: report.jobs, ...report.outcomes, failures: report.failures }, () => describe(bulk, report));
  });
}

async function doByIds(bulk: Bulk, queue: Queue, ids: readonly string[], { dryRun, json }: BulkCommandOptions): Promise<Report | undefined> {
  if (dryRun) return preview(queue, ids.length, ids.slice(0, SHOWN), json);
  const outcomes: Record<string, number> = {};
  const failures: Array<Report['failures'][number]> = [];
  await forEach(`${bulk.doing} ${count(ids.length, 'job')}`, ids, async (id) => {
    try {
      const outcome = await bulk.one(queue, id);
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    } catch (error) {
      failures.push({ id, code: peek(error, 'code'), message: oneLine(error) });
    }
  });
  return { jobs: ids.length, outcomes, failures };
}

async function doByCriteria(bulk: Bulk, queue: Queue, options: BulkCommandOptions): Promise<Report | undefined> {
  const { max, dryRun, yes, json } = options;
  const criteria = criteriaOf(options);
  const { matched, complete } = await bulk.many(queue, criteria, { dryRun: true, limit: max });
  if (!complete) throw tooMany(max);
  if (dryRun) {
    const { jobs } = await queue.jobs.find({ ...criteria, state: options.state ?? bulk.states }, { limit: SHOWN });
    return preview(queue, matched, jobs.map(({ id }) => id), json);
  }
  const what = `${bulk.doing} ${count(matched, 'job')}`;
  if (matched > 0) await confirm(`${what}.`, yes);
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  const { changed, aborting, skipped } = await withProgress(what, matched, (done) =>
    bulk.many(queue, criteria, { limit: max, signal: stop.signal, onProgress: (soFar) => done(soFar.matched) }),
  ).finally(() => process.off('SIGINT', interrupt));
  if (stop.signal.aborted) process.exitCode = INTERRUPTED;
  const others = { ...(aborting > 0 && { told_to_end: aborting }), ...(skipped > 0 && { changed_meanwhile: skipped }) };
  return { jobs: changed + aborting + skipped, outcomes: { done: changed, ...others }, failures: [] };
}

async function preview({ jobs }: Queue, total: number, ids: readonly string[], json: boolean): Promise<undefined> {
  const shown = (await Promise.all(ids.map((id) => jobs.get(id)))).filter((job) => job !== undefined);
  const more = total > shown.length ? `\nand ${total - shown.length} more` : '';
  print(json, { jobs: total, dryRun: true }, () => `It would be ${count(total, 'job')}.\n${listJobs(shown)}${more}`);
}

function describe({ done }: Bulk, { outcomes, failures }: Report): string {
  const { done: all = 0, ...others } = outcomes;
  const lines = [`${done} ${count(all, 'job')}.`, ...Object.entries(others).map(([outcome, jobs]) => `${count(jobs, 'job')}: ${outcome.replaceAll('_', ' ')}.`)];
  if (process.exitCode === INTERRUPTED) lines.push('Interrupted: the rest was left as it was.');
  return [...lines, ...failures.slice(0, SHOWN).map(({ message }) => message)].join('\n');
}

function tooMany(max: number): CliError {
  return new CliError(`These are more than ${max} jobs. Choose fewer, or raise --max.`);
}
