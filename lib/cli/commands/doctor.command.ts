import { Option, type Command } from 'commander';
import { parseDuration } from '../../core/duration.js';
import { CliError, oneLine } from '../cli-error.js';
import { checkNotifications } from '../doctor/check-notifications.js';
import { checkServer, checkVacuum, unreachable } from '../doctor/check-server.js';
import { checkTables } from '../doctor/check-tables.js';
import { checkWork } from '../doctor/check-work.js';
import { problem, type Check, type Finding, type Patient } from '../doctor/finding.js';
import { databaseCommand, parseDurationText, type DatabaseOptions, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';
import { style } from '../output/style.js';
import { databaseUrl, withDatabase } from '../with-database.js';

interface DoctorOptions extends DatabaseOptions, OutputOptions {
  readonly strict: boolean;
  readonly maxDue: string;
  readonly maxTransaction: string;
}

const HELP = `Looks at the server, its clock, the tables with their indexes, triggers and functions, at LISTEN and NOTIFY over this URL
(and so at poolers in between), at who keeps dead rows, at processes, and at jobs that wait for too long. It changes nothing.

The exit code is 1 when there is a problem, with --strict also when there is a warning.

Examples:
  $ npx notify-queue doctor
  $ npx notify-queue doctor --strict --json | jq '.findings[] | select(.level != "ok")'`;

export function doctorCommand(): Command {
  return databaseCommand('doctor', 'Finds out what is wrong.', HELP)
    .addOption(new Option('--strict', 'count warnings as problems').default(false))
    .addOption(new Option('--max-due <duration>', 'how long a job may be due and not run').default('1m').argParser(parseDurationText))
    .addOption(new Option('--max-transaction <duration>', 'how long a transaction may be open').default('5m').argParser(parseDurationText))
    .action(doctor);
}

async function doctor({ url, schema, json, strict, maxDue, maxTransaction }: DoctorOptions): Promise<void> {
  const checks: Check[] = [checkServer, checkTables, checkNotifications, checkVacuum(msOf(maxTransaction)), checkWork(msOf(maxDue))];
  const target = databaseUrl(url);
  const findings = await withDatabase(target, (database) => examine(checks, { database, url: target, schema })).catch((error: unknown) => {
    if (error instanceof CliError) return [unreachable(oneLine(error))];
    throw error;
  });
  const bad = findings.filter(({ level }) => level === 'problem' || (strict && level === 'warning'));
  if (bad.length > 0) process.exitCode = 1;
  print(json, { healthy: bad.length === 0, findings }, () => findings.map(describe).join('\n'));
}

/** It was checked when it was read. */
function msOf(duration: string): number {
  return parseDuration(duration) ?? 0;
}

async function examine(checks: readonly Check[], patient: Patient): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checks) {
    try {
      findings.push(...(await check(patient)));
    } catch (error) {
      // The first one has shown whether the database can be reached at all.
      if (findings.length === 0) throw error;
      findings.push(problem('rights', `A check failed: ${oneLine(error)}.`, 'Run doctor as a role that may read the tables of the queue.'));
    }
  }
  return findings;
}

const SIGNS = { ok: ['green', 'ok     '], warning: ['yellow', 'warning'], problem: ['red', 'PROBLEM'] } as const;

function describe({ level, check, text, advice }: Finding): string {
  const [colour, sign] = SIGNS[level];
  return `${style(colour, sign)} ${check}: ${text}${advice ? `\n        ${advice}` : ''}`;
}
