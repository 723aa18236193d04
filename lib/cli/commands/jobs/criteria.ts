import { InvalidArgumentError, Option, type Command } from 'commander';
import { JOB_STATES } from '../../../core/states.js';
import type { JobCriteria, JobState } from '../../../interfaces/job-record.interface.js';
import { parseJson } from '../../options.js';

export interface CriteriaOptions {
  readonly queue?: string;
  readonly name?: string;
  readonly state?: readonly JobState[];
  readonly payload?: unknown;
  readonly tag?: readonly string[];
  readonly group?: string;
  readonly since?: Date;
  readonly before?: Date;
}

/** Options that choose jobs. */
export function addCriteria(command: Command): Command {
  return command
    .addOption(new Option('--queue <queue>', 'of this queue'))
    .addOption(new Option('--name <name>', 'of this name'))
    .addOption(new Option('--state <states>', `in one of these states: ${JOB_STATES.join(', ')}`).argParser(parseStates))
    .addOption(new Option('--payload <json>', 'whose payload contains this').argParser(parseJson))
    .addOption(new Option('--tag <tag>', 'with this tag; given several times, with all of them').argParser(addTag))
    .addOption(new Option('--group <group>', 'of this group'))
    .addOption(new Option('--since <date>', 'enqueued at this time or after').argParser(parseDate))
    .addOption(new Option('--before <date>', 'enqueued before this time').argParser(parseDate));
}

/** Those that were given. */
export function criteriaOf({ queue, name, state, payload, tag, group, since, before }: CriteriaOptions): JobCriteria {
  const all = { queue, name, state, payload, tags: tag, group, enqueuedAfter: since, enqueuedBefore: before };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Whether any was given. */
export function hasCriteria(options: CriteriaOptions): boolean {
  return Object.keys(criteriaOf(options)).length > 0;
}

function addTag(tag: string, others: readonly string[] = []): string[] {
  return [...others, tag];
}

function parseStates(value: string): JobState[] {
  return value.split(',').map((text) => {
    const state = JOB_STATES.find((one) => one === text.trim());
    if (!state) throw new InvalidArgumentError(`Expected some of ${JOB_STATES.join(', ')}, separated by commas.`);
    return state;
  });
}

export function parseDate(value: string): Date {
  const date = new Date(value);
  const [, year, month, day] = /^(\d{4})-(\d\d)-(\d\d)/.exec(value) ?? [];
  const exists = day === undefined || new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day);
  if (Number.isNaN(date.getTime()) || !exists) throw new InvalidArgumentError("Expected a date, such as 2027-01-31 or '2027-01-31T12:00:00Z'.");
  return date;
}
