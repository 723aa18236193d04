import type { TestDatabase } from './database.js';
import { runNode, type Outcome } from './project.js';

const MAIN = 'dist/lib/cli/main.js';

/** What a command answers. */
export interface Answer extends Outcome {
  /** Of `--json`. */
  readonly json: any;
}

/** The command line on one database. */
export function cliOn(database: TestDatabase): (...args: string[]) => Promise<Answer> {
  return async (...args) => {
    const outcome = await runNode(MAIN, args, { env: { DATABASE_URL: database.url } });
    const text = outcome.stdout || outcome.stderr;
    return { ...outcome, json: args.includes('--json') ? JSON.parse(text) : undefined };
  };
}
