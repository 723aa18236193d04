import ms from 'ms';
import type { JobRecord } from '../../../interfaces/job-record.interface.js';
import { style, styleState } from '../../output/style.js';
import { table } from '../../output/table.js';
import { printable, short } from '../../output/text.js';

const MAX_PAYLOAD = 40;
const MAX_FAILURE = 60;

/** A table of jobs, one a line. */
export function listJobs(jobs: readonly JobRecord[]): string {
  if (jobs.length === 0) return 'No such job.';
  const rows = jobs.map((job) => [
    job.id,
    printable(job.queue),
    printable(job.name),
    styleState(job.state),
    String(job.attempt),
    describeAge(job),
    short(printable(JSON.stringify(job.payload)), MAX_PAYLOAD),
    job.failure ? short(printable(job.failure.message), MAX_FAILURE) : '',
  ]);
  return table(['id', 'queue', 'name', 'state', 'attempt', 'when', 'payload', 'failure'], rows);
}

/** Everything about a job. */
export function showJob(job: JobRecord): string {
  const lines: Array<[string, string | false]> = [
    ['id', job.id],
    ['name', printable(job.name)],
    ['queue', printable(job.queue)],
    ['state', styleState(job.state)],
    ['priority', String(job.priority)],
    ['attempt', `${job.attempt}${job.crashes > 0 ? `, and ${job.crashes} that died with their process` : ''}`],
    ['enqueued', time(job.enqueuedAt)],
    ['due', time(job.runAt)],
    ['reserved', job.reservedAt !== null && `${time(job.reservedAt)} by ${job.reservedBy}`],
    ['finished', job.finishedAt !== null && time(job.finishedAt)],
    ['tags', job.tags.length > 0 && job.tags.map(printable).join(', ')],
    ['group', job.group !== null && printable(job.group)],
    ['payload', json(job.payload)],
    ['progress', job.progress !== null && json(job.progress)],
    ['result', job.result !== null && json(job.result)],
    ['failure', job.failure !== null && describeFailure(job.failure)],
  ];
  return lines.flatMap(([title, text]) => (text === false ? [] : [`${style('bold', title.padEnd(9))} ${text}`])).join('\n');
}

function describeFailure({ name, message, stack, cause }: NonNullable<JobRecord['failure']>): string {
  const text = (stack ?? `${name}: ${message}`).split('\n').map(printable).join('\n          ');
  return cause ? `${text}\n          caused by ${describeFailure(cause)}` : text;
}

function describeAge({ state, runAt, finishedAt, reservedAt }: JobRecord): string {
  const since = (date: Date): string => ms(Math.max(0, Date.now() - date.getTime()));
  if (finishedAt) return `${since(finishedAt)} ago`;
  if (reservedAt) return `for ${since(reservedAt)}`;
  if (state === 'held' || state === 'blocked') return state;
  return state === 'scheduled' ? `in ${ms(Math.max(0, runAt.getTime() - Date.now()))}` : `due for ${since(runAt)}`;
}

function time(date: Date): string {
  return date.toISOString();
}

function json(value: unknown): string {
  return printable(JSON.stringify(value));
}
