#!/usr/bin/env node
import { CliError, errorJson, oneLine } from './cli-error.js';
import { createProgram } from './program.js';

// Whoever reads has had enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(`error: Cannot write: ${oneLine(error)}.`);
  process.exitCode = 1;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(process.argv.includes('--json') ? errorJson(error) : `error: ${oneLine(error)}`);
  if (process.env['DEBUG']) console.error(error);
  process.exitCode = error instanceof CliError ? error.exitCode : 1;
}
