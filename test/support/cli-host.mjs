// Runs commands of the command line one after another in one process: to load it takes longer than what most commands do.
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../dist/lib/cli/run.js';

const MAIN = 'dist/lib/cli/main.js';
const GRACE_MS = 2_000;
const streams = { stdout: process.stdout, stderr: process.stderr };
const { env: own } = process;

process.on('message', async ({ args, env, cwd }) => {
  const outcome = { code: 0, stdout: '', stderr: '' };
  let exited = false;
  for (const [name, stream] of Object.entries(streams)) {
    stream.write = (chunk, encoding, done) => {
      if (!exited) outcome[name] += Buffer.from(chunk, typeof encoding === 'string' ? encoding : undefined);
      (typeof encoding === 'function' ? encoding : done)?.();
      return true;
    };
  }
  process.exit = (code = process.exitCode ?? 0) => {
    if (!exited) outcome.code = code;
    exited = true;
    throw new Error('exited');
  };
  process.argv = [process.execPath, MAIN, ...args];
  process.env = { ...own, ...env };
  process.exitCode = undefined;
  process.chdir(cwd);
  await run();
  if (!exited) outcome.code = process.exitCode ?? 0;
  const open = () => process.getActiveResourcesInfo().filter((it) => /^TCP|^Timeout$/.test(it));
  for (const until = Date.now() + GRACE_MS; open().length > 0 && Date.now() < until; ) await sleep(5);
  if (open().length > 0) outcome.stderr += `The process would not end: ${open()}`;
  process.send(outcome);
});
