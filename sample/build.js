// Builds dist/ unless it is up to date, so that starting a second instance does not pull the code
// from under the first one. Plain JavaScript: it runs before there is a build. Starts that come
// together take turns, and all but the first find the work done.
// @ts-check
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const root = resolve(import.meta.dirname, '..');
const LOCK = join(root, 'node_modules', '.build.pid');
/** What `nest build` reads. */
const SETTINGS = ['tsconfig.json', 'tsconfig.build.json', 'nest-cli.json'];
/** @type {{ include: string[] }} */
const { include } = JSON.parse(fs.readFileSync(join(root, 'tsconfig.build.json'), 'utf8'));

if (!isFresh()) {
  await lock();
  try {
    if (!isFresh()) build();
  } finally {
    fs.rmSync(LOCK, { force: true });
  }
}

/** Fresh is a build in which every source has an output that is newer, and newer than the settings. */
function isFresh() {
  const settings = Math.max(...SETTINGS.map((name) => writtenAt(join(root, name))));
  return sources().every((source) => {
    const output = join(root, 'dist', relative(root, source).replace(/\.ts$/, '.js'));
    return writtenAt(output) >= Math.max(writtenAt(source), settings);
  });
}

function sources() {
  return include.flatMap((folder) =>
    fs
      .readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(root, folder, name)),
  );
}

/** @param {string} path */
function writtenAt(path) {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function build() {
  console.log('Building ...');
  const shell = process.platform === 'win32'; // npm is a script there
  const run = spawnSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit', shell });
  if (run.error) throw run.error;
  if (run.status !== 0) process.exitCode = 1;
}

/** Waits for another start that builds right now; takes over from one that was killed. */
async function lock() {
  for (let waits = 0; ; waits++) {
    try {
      fs.writeFileSync(LOCK, `${process.pid}`, { flag: 'wx' });
      return;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    if (waits === 1) console.log(`Waiting for the build of another process, see ${LOCK}`);
    if (isAbandoned()) fs.rmSync(LOCK, { force: true });
    await sleep(50);
  }
}

function isAbandoned() {
  try {
    process.kill(Number(fs.readFileSync(LOCK, 'utf8') || process.pid), 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return /** @type {NodeJS.ErrnoException} */ (error).code;
}
