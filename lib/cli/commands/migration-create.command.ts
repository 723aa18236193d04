import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Command, Option } from 'commander';
import { migrationScripts } from '../../../migrations/apply.js';
import { CliError, oneLine } from '../cli-error.js';
import { migrationFile, moduleKindOf, type FileKind } from '../migration-file.js';
import { jsonOption, schemaOption, type OutputOptions } from '../options.js';
import { print } from '../output/print.js';

interface MigrationCreateOptions extends OutputOptions {
  readonly dir: string;
  readonly schema: string;
  readonly js: boolean;
}

const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'];

export function migrationCreateCommand(): Command {
  return new Command('migration:create')
    .description("Writes TypeORM migration files into your project, one for each step of the queue's tables.")
    .addOption(new Option('--dir <directory>', 'where your migrations are').default('src/migrations'))
    .addOption(schemaOption())
    .addOption(jsonOption())
    .addOption(new Option('--js', 'write JavaScript, of the module kind that your package.json says').default(false))
    .addHelpText(
      'after',
      `
Each file holds one class that extends a step of nestjs-notify-queue/migrations; TypeORM's \`migration:run\` and
\`migration:revert\` take it from there. Files that exist are left alone: after an update of the package, run the
command again to get the new steps.

Examples:
  $ npx notify-queue migration:create
  $ npx notify-queue migration:create --dir db/migrations --schema billing --js`,
    )
    .action(createMigrations);
}

async function createMigrations({ dir, schema, js, json }: MigrationCreateOptions): Promise<void> {
  const kind: FileKind = js ? await moduleKindOf(dir) : 'typescript';
  const files = migrationScripts.map((script) => migrationFile(script, schema, kind));
  const missing = files.filter(({ name }) => !EXTENSIONS.some((extension) => existsSync(join(dir, name + extension))));
  const written: string[] = [];
  try {
    await mkdir(dir, { recursive: true });
    for (const { name, extension, text } of missing) {
      const path = join(dir, name + extension);
      await writeFile(path, text, { flag: 'wx' });
      written.push(relative('', path));
    }
  } catch (error) {
    throw new CliError(`Cannot write to ${dir}: ${oneLine(error)}. Name another directory with --dir.`, { cause: error });
  }
  print(json, { written }, () =>
    written.length === 0
      ? `Nothing to write: ${dir} has every step.`
      : [...written.map((path) => `Wrote ${path}`), 'Run it with your data source: npx typeorm migration:run -d <file of your data source>'].join('\n'),
  );
}
