#!/usr/bin/env node
import { oneLine } from './cli-error.js';
import { run } from './run.js';

// Whoever reads has had enough, such as `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(`error: Cannot write: ${oneLine(error)}.`);
  process.exitCode = 1;
});

await run();
