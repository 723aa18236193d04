import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { typeormNameOf, type MigrationScript } from '../../migrations/migration-script.js';

export type FileKind = 'typescript' | 'esm' | 'commonjs';

export interface MigrationFile {
  /** Without extension, in the way of TypeORM: timestamp first. */
  readonly name: string;
  readonly extension: '.ts' | '.js';
  readonly text: string;
}

/** A file for the user's project: a class that TypeORM knows by its name, extending one step of ours. */
export function migrationFile(script: MigrationScript, schema: string, kind: FileKind): MigrationFile {
  const className = typeormNameOf(script, schema);
  const timestamp = className.slice(-13);
  const declaration = `class ${className} extends notifyQueueMigration(${script.version}, ${quote(schema)}) {}`;
  const comment = `/** Step ${script.version} of the tables of nestjs-notify-queue; \`npx notify-queue sql\` prints them. */`;
  const text =
    kind === 'commonjs'
      ? `const { notifyQueueMigration } = require('nestjs-notify-queue/migrations');\n\n${comment}\n${declaration}\n\n` +
        `module.exports = { ${className} };\n`
      : `import { notifyQueueMigration } from 'nestjs-notify-queue/migrations';\n\n${comment}\nexport ${declaration}\n`;
  return { name: `${timestamp}-${className.slice(0, -13).replace(/_$/, '')}`, extension: kind === 'typescript' ? '.ts' : '.js', text };
}

/** Which kind of module a `.js` file in this directory is, by the nearest package.json, as TypeORM finds it. */
export async function moduleKindOf(directory: string): Promise<'esm' | 'commonjs'> {
  for (let folder = resolve(directory); ; folder = dirname(folder)) {
    const manifest = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (manifest !== undefined) return isModule(manifest) ? 'esm' : 'commonjs';
    if (folder === dirname(folder)) return 'commonjs';
  }
}

function isModule(manifest: string): boolean {
  try {
    return (JSON.parse(manifest) as { type?: unknown }).type === 'module';
  } catch {
    return false;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
