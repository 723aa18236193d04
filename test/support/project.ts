import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ensureBuilt, projectRoot } from './build.js';

const execute = promisify(execFile);
const TIMEOUT_MS = 60_000;
const NOT_INHERITED = new Set(['DATABASE_URL', 'NOTIFY_QUEUE_DATABASE_URL', 'DEBUG', 'NODE_OPTIONS']);

/** The package as it is published. */
export interface Tarball {
  readonly path: string;
  readonly files: string[];
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user's project in a temporary directory, with the package installed from its tarball. */
export interface Project {
  readonly directory: string;
  write(name: string, text: string): Promise<void>;
  read(name: string): Promise<string>;
  /** Runs a script of the project, or of a package in it, by Node. */
  node(script: string, args?: readonly string[], env?: Record<string, string>): Promise<Outcome>;
}

/** Packs the package into a directory, without running its scripts. */
export async function pack(directory: string): Promise<Tarball> {
  await ensureBuilt();
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const { stdout } = await execute('npm', args, { cwd: projectRoot, shell: process.platform === 'win32' });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: Array<{ path: string }> }];
  return { path: join(directory, packed.filename), files: packed.files.map(({ path }) => path) };
}

/** A new directory, by its real path; the caller removes it. */
export async function temporaryDirectory(): Promise<string> {
  return fs.realpath(await fs.mkdtemp(join(tmpdir(), 'notify-queue-project-')));
}

/**
 * Makes a project of this module kind. Only what the package's manifest names as dependency or peer
 * can be seen from it, and whatever else is asked for.
 */
export async function createProject(
  directory: string,
  tarball: Tarball,
  type: 'module' | 'commonjs',
  others: readonly string[] = [],
): Promise<Project> {
  const installed = join(directory, 'node_modules', 'nestjs-notify-queue');
  await fs.mkdir(installed, { recursive: true });
  await execute('tar', ['-xzf', tarball.path, '-C', installed, '--strip-components=1']);
  const manifest = JSON.parse(await fs.readFile(join(installed, 'package.json'), 'utf8')) as Record<string, object>;
  const visible = Object.keys({ ...manifest['dependencies'], ...manifest['peerDependencies'] });
  for (const name of [...visible, ...others]) {
    const link = join(directory, 'node_modules', name);
    await fs.mkdir(dirname(link), { recursive: true });
    await fs.symlink(join(projectRoot, 'node_modules', name), link, 'junction');
  }
  await fs.writeFile(join(directory, 'package.json'), JSON.stringify({ name: 'app', private: true, type }));
  return {
    directory,
    async write(name, text) {
      await fs.mkdir(dirname(join(directory, name)), { recursive: true });
      await fs.writeFile(join(directory, name), text);
    },
    read: (name) => fs.readFile(join(directory, name), 'utf8'),
    node: (script, args, env) => runNode(script, args, { cwd: directory, env }),
  };
}

/** The environment without the variables that change what a command does. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_INHERITED.has(name)));
}

/** Runs Node without the variables that name a database, and waits for its end. */
export async function runNode(
  script: string,
  args: readonly string[] = [],
  { cwd = projectRoot, env = {} }: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  try {
    const options = { cwd, env: { ...inheritedEnvironment(), ...env }, timeout: TIMEOUT_MS };
    return { code: 0, ...(await execute(process.execPath, [script, ...args], options)) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
  }
}
