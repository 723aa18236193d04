import { CliError, errorJson, oneLine } from './cli-error.js';
import { createProgram } from './program.js';

/** Runs the command that the arguments of the process name. What goes wrong is one line, and the exit code. */
export async function run(): Promise<void> {
  try {
    await createProgram().parseAsync();
  } catch (error) {
    console.error(process.argv.includes('--json') ? errorJson(error) : `error: ${oneLine(error)}`);
    if (process.env['DEBUG']) console.error(error);
    process.exitCode = error instanceof CliError ? error.exitCode : 1;
  }
}
