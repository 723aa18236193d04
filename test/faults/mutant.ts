import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../support/build.js';

/** In a file of the build, what is there and what the mutant has instead. */
export type Mutation = readonly [file: string, found: string, instead: string];

/** A copy of the build with mistakes in it, on purpose. */
export async function buildMutant(mutations: readonly Mutation[]): Promise<{ root: string; remove(): Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'notify-queue-mutant-'));
  await cp(join(projectRoot, 'dist'), join(root, 'dist'), { recursive: true });
  await cp(join(projectRoot, 'package.json'), join(root, 'package.json'));
  await symlink(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  for (const [file, found, instead] of mutations) {
    const path = join(root, 'dist/lib', file);
    const text = await readFile(path, 'utf8');
    if (!text.includes(found)) throw new Error(`${file} does not have: ${found}`);
    await writeFile(path, text.replace(found, () => instead));
  }
  return { root, remove: () => rm(root, { recursive: true, force: true }) };
}
