import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

export const projectRoot = resolve(import.meta.dirname, '../..');

let built: Promise<void> | undefined;

/**
 * Brings dist/ up to date for tests that start processes; after `npm test` it is already.
 *
 * @throws Error with what the compiler says
 */
export function ensureBuilt(): Promise<void> {
  return (built ??= build());
}

async function build(): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, ['sample/build.js'], { cwd: projectRoot });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`The build failed\n${stdout}${stderr}`, { cause: error });
  }
}
