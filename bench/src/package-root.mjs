import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Where the package that is measured stands, with its build in dist/. */
export const packageRoot = resolve(process.env.BENCH_PACKAGE_ROOT ?? join(import.meta.dirname, '..', '..'));

/** @param {string} directory */
export function versionIn(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).version;
}

/** @throws Error when there is no build */
export function assertBuilt() {
  if (!existsSync(join(packageRoot, 'dist', 'lib', 'index.js'))) throw new Error('There is no build: run `npm run build` first');
}
