// `npm run bench:faults`: installs what the benchmark needs, then runs the faults. See ../README.md.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const bench = join(import.meta.dirname, '..');

if (!existsSync(join(bench, 'node_modules', 'node', 'bin', 'node'))) {
  console.log('Installing the benchmark and its peers ...');
  const install = spawnSync('npm', ['ci'], { cwd: bench, stdio: 'inherit' });
  if (install.status !== 0) throw new Error('npm ci failed in bench/');
}
// What follows imports packages that exist only now.
const { main } = await import('./main.mjs');
await main(process.argv.slice(2));
