import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { projectRoot } from './build.js';
import type { TestDatabase } from './database.js';
import { inheritedEnvironment, type Outcome } from './project.js';

/** What a command answers. */
export interface Answer extends Outcome {
  /** Of `--json`. */
  readonly json: any;
}

let host: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** Runs a command as `runNode` runs the command line, in a process that has it loaded. They run one after another. */
export function runCli(args: readonly string[], { cwd = projectRoot, env = {} }: { cwd?: string; env?: Record<string, string> } = {}): Promise<Outcome> {
  const running = last.then(async (): Promise<Outcome> => {
    host ??= startHost();
    const stop = new AbortController();
    const { signal } = stop;
    host.send({ args, env, cwd });
    const gone = once(host, 'exit', { signal }).then(([code]) => {
      throw new Error(`The process that runs commands went with code ${code}`);
    });
    const [outcome] = await Promise.race([once(host, 'message', { signal }), gone]).finally(() => stop.abort());
    return outcome as Outcome;
  });
  last = running.catch(() => undefined);
  return running;
}

/** It goes with the process of the tests. */
function startHost(): ChildProcess {
  const child = fork(new URL('cli-host.mjs', import.meta.url), { env: inheritedEnvironment(), stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  child.once('exit', () => (host = undefined));
  child.unref();
  child.channel?.unref();
  return child;
}

/** The command line on one database. */
export function cliOn(database: TestDatabase): (...args: string[]) => Promise<Answer> {
  return async (...args) => {
    const outcome = await runCli(args, { env: { DATABASE_URL: database.url } });
    const text = outcome.stdout || outcome.stderr;
    return { ...outcome, json: args.includes('--json') ? JSON.parse(text) : undefined };
  };
}
