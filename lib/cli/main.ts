#!/usr/bin/env node
import { oneLine } from './cli-error.js';
import { createProgram } from './program.js';

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(`error: ${oneLine(error)}`);
  if (process.env['DEBUG']) console.error(error);
  process.exitCode = 1;
}
