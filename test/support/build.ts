import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { bundle } from './bundle.js';

export const projectRoot = resolve(import.meta.dirname, '../..');

/** Of test/fixtures, the programs that many tests start. */
const BUNDLES = ['worker', 'web'];

let built: Promise<void> | undefined;

/**
 * Brings dist/ up to date for tests that start processes; after `npm test` only the bundles are missing.
 *
 * @throws Error with what the compiler says
 */
export function ensureBuilt(): Promise<void> {
  return (built ??= build());
}

async function build(): Promise<void> {
  await compile();
  for (const fixture of BUNDLES) await bundle(projectRoot, fixture);
}

async function compile(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, ['sample/build.js'], { cwd: projectRoot });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`The build failed\n${stdout}${stderr}`, { cause: error });
  }
}
