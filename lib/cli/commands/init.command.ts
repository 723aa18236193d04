import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { CliError, oneLine } from '../cli-error.js';
import { planInit } from '../init/plan-init.js';
import { jsonOption, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';
import { style } from '../output/style.js';

interface InitOptions extends OutputOptions {
  readonly dir: string;
  readonly module?: string;
  readonly dryRun: boolean;
}

export function initCommand(): Command {
  return new Command('init')
    .description('Sets the queue up in a Nest application: modules, migration and a first job.')
    .addOption(new Option('--dir <directory>', 'of the application').default('.'))
    .addOption(new Option('--module <file>', 'root module, from there (default: app.module.ts in the source root)'))
    .addOption(new Option('--dry-run', 'only tell what would be written').default(false))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
It imports NotifyQueueModule, and TypeOrmModule where there is none, adds a migration, a job with its handler, shutdown hooks
and the packages that are missing. What is there is left alone: a second time it does nothing. \`nest add nestjs-notify-queue\`
does the same.

Examples:
  $ npx notify-queue init
  $ npx notify-queue init --dir apps/shop --module src/shop.module.ts --dry-run`,
    )
    .action(init);
}

async function init({ dir, module, dryRun, json }: InitOptions): Promise<void> {
  const root = resolve(dir);
  const read = (path: string): Promise<string | undefined> => readFile(resolve(root, path), 'utf8').catch(() => undefined);
  const { changes, steps } = await planInit(read, module);
  if (!dryRun) {
    for (const { path, text } of changes) {
      try {
        await mkdir(dirname(resolve(root, path)), { recursive: true });
        await writeFile(resolve(root, path), text);
      } catch (error) {
        throw new CliError(`Cannot write ${path}: ${oneLine(error)}. What came before it is written; correct it, and run this again.`, { cause: error });
      }
    }
  }
  print(json, { dryRun, changes: changes.map(({ kind, path }) => ({ kind, path })), steps }, () => describe(changes, steps, dryRun));
}

function describe(changes: ReadonlyArray<{ kind: string; path: string }>, steps: readonly string[], dryRun: boolean): string {
  if (changes.length === 0) return 'The queue is here already.';
  const lines = changes.map(({ kind, path }) => `${style('green', dryRun ? `would ${kind}` : `${kind}d`)} ${path}`);
  return [...lines, '', 'Next:', ...steps.map((step) => `  ${step}`)].join('\n');
}
