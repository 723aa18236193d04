import { now } from '../../src/clock.mjs';
import { runsOf } from '../tally.mjs';

const KEY = '01980000-0000-7000-8000-000000000001';
const WRITERS = 64;
const unique = (title, run) => ({ title: `10: ${WRITERS} writers enqueue under one key ${title}`, options: { lease: 'ten', unique: true }, runs: 3, run });

export default [unique('at once, no worker yet', atOnce), unique('five times each, two workers', again)];

async function atOnce(trial) {
  const answers = await race(trial, 1);
  const { waiting } = await trial.look('counts');
  await trial.worker();
  await trial.settled(20_000);
  return { ...answers, 'jobs stored': waiting, runs: trial.events('started').length };
}

async function again(trial) {
  await trial.worker();
  await trial.worker();
  const answers = await race(trial, 5);
  await trial.settled(20_000);
  const runs = runsOf(trial);
  const beside = runs.filter((run, i) => runs.slice(0, i).some(({ to }) => to > run.from));
  return { ...answers, runs: runs.length, 'of these begun while another ran': beside.length };
}

/** From two processes. */
async function race(trial, times) {
  const producers = [await trial.start(), await trial.start()];
  await Promise.all(producers.map((producer) => producer.call('counts'))); // it has connected
  let worst = 0;
  const errors = [];
  await Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      for (let i = 0; i < times; i++) {
        const at = now();
        await producers[writer % 2].call('enqueue', [{ n: `${writer}/${i}`, ms: 50 }, KEY]).catch((error) => errors.push(error.message));
        worst = Math.max(worst, now() - at);
      }
    }),
  );
  return { 'enqueues that failed': errors.length, ...(errors.length > 0 && { 'such as': errors[0] }), 'slowest enqueue, ms': Math.round(worst) };
}
