import { Command } from 'commander';
import type { JobConfig } from '../../../interfaces/job-config.interface.js';
import { databaseCommand, type DatabaseOptions, type OutputOptions } from '../../options.js';
import { print } from '../../output/print.js';
import { table } from '../../output/table.js';
import { printable, short } from '../../output/text.js';
import { withQueue } from '../../with-queue.js';

type Options = DatabaseOptions & OutputOptions;

const MAX_VALUE = 60;
const example = (...lines: string[]): string => `Examples:\n${lines.map((line) => `  $ npx notify-queue configs ${line}`).join('\n')}`;

export function configsCommand(): Command {
  const configs = new Command('configs').description('Shows and changes rows of run-time configuration.').addHelpText('after', `\n${example('list', 'set invoicing.auto false')}`);
  configs.addCommand(databaseCommand('list', 'Lists all rows.', example('list', "list --json | jq '.[].key'")).action(list));
  configs.addCommand(databaseCommand('get', 'Prints the value of a row.', example('get invoicing.auto')).argument('<key>').action(get));
  configs.addCommand(
    databaseCommand('set', 'Writes a row, new or not. Every process follows it within milliseconds.', example('set invoicing.auto false'))
      .argument('<key>')
      .argument('<value>', 'a text')
      .action(set),
  );
  configs.addCommand(databaseCommand('delete', 'Deletes a row.', example('delete invoicing.auto')).argument('<key>').action(remove));
  return configs;
}

async function list(options: Options): Promise<void> {
  const rows = await withQueue(options, ({ configs }) => configs.list());
  print(options.json, rows, () => listRows(rows));
}

async function get(key: string, options: Options): Promise<void> {
  const row = await withQueue(options, ({ configs }) => configs.get(key));
  print(options.json, row, () => (process.stdout.isTTY ? printable(row.value) : row.value));
}

async function set(key: string, value: string, options: Options): Promise<void> {
  const row = await withQueue(options, ({ configs }) => configs.set(key, value));
  print(options.json, row, () => `Set ${printable(key)}, revision ${row.revision}.`);
}

async function remove(key: string, options: Options): Promise<void> {
  await withQueue(options, ({ configs }) => configs.delete(key));
  print(options.json, { key, deleted: true }, () => `Deleted ${printable(key)}.`);
}

function listRows(rows: readonly JobConfig[]): string {
  if (rows.length === 0) return 'No rows.';
  return table(
    ['key', 'value', 'revision', 'updated'],
    rows.map(({ key, value, revision, updatedAt }) => [printable(key), short(printable(value), MAX_VALUE), String(revision), updatedAt.toISOString()]),
  );
}
