// A process of a contender. It is told what to do by messages, and tells what happens line by line on stdout.
import { setTimeout as sleep } from 'node:timers/promises';
import { tell } from './contenders/contender.mjs';
import { nasty } from './nasty.mjs';

const { name, options } = JSON.parse(process.argv[2]);
const { default: Contender } = await import(`./contenders/${name}.mjs`);
/** @type {import('./contenders/contender.mjs').Contender} */
const contender = new Contender(options);
let runs = 0;

async function run({ n, ms = 0, nasty: kind }, signal, id) {
  const ran = `${process.pid}/${++runs}`;
  tell('started', { n, ran, id });
  signal?.addEventListener('abort', () => tell('aborted', { n, ran, message: String(signal.reason?.message ?? signal.reason) }));
  if (ms > 0) await sleep(ms);
  if (kind) return nasty[kind]();
  tell('returned', { n, ran });
  return { ran };
}

const calls = {
  setup: () => contender.setup(),
  work: () => contender.work(run),
  enqueue: ([payload, key]) => contender.enqueue(payload, key),
  job: ([id]) => contender.job(id),
  counts: () => contender.counts(),
  unlock: () => contender.unlock?.(),
};

process.on('message', async ({ id, call, args }) => {
  try {
    const value = await calls[call](args);
    tell('reply', { id, value });
  } catch (error) {
    tell('reply', { id, error: String(error?.message ?? error).slice(0, 300) });
  }
});
process.on('disconnect', () => process.exit(1));
tell('up');
