import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/clock.mjs';
import { nasty } from '../nasty.mjs';

const NEVER = 'never settles';
const kinds = Object.keys(nasty).filter((kind) => kind !== NEVER);
const options = { lease: 'ten', once: true };

export default [
  { title: '8: handlers throw and return anything', options, runs: 1, run: (trial) => anything(trial, kinds) },
  { title: '8: a handler never settles, runs limited to 2 s', options: { ...options, timeoutSeconds: 2 }, runs: 1, run: (trial) => anything(trial, [NEVER]) },
];

async function anything(trial, kinds) {
  await trial.worker();
  const seen = {};
  const stuck = [];
  for (const kind of kinds) {
    const id = await trial.enqueue({ n: kind, nasty: kind });
    const exits = trial.exits.length;
    let job;
    for (const deadline = now() + 5_000; now() < deadline; await sleep(50)) {
      job = await trial.look('job', [id]);
      if (trial.events('started', kind).length > 0 && !['waiting', 'running'].includes(job.state)) break;
    }
    seen[kind] = told(job);
    if (['waiting', 'running'].includes(job.state)) stuck.push([kind, id]);
    await trial.enqueue({ n: `after ${kind}` });
    if (!(await trial.happens('returned', `after ${kind}`, { ms: 10_000 }))) seen[kind] += '; then no job runs';
    if (trial.exits.length > exits) seen[kind] += `; the worker exits`;
  }
  await sleep(25_000);
  for (const [kind, id] of stuck) {
    const job = await trial.look('job', [id]);
    seen[kind] += `; 25 s later ${told(job)}, ${trial.events('started', kind).length} runs`;
  }
  return seen;
}

function told({ state, error }) {
  const text = (error ?? '').replaceAll('\u0000', '<NUL>');
  const short = text.length > 60 ? `${text.slice(0, 40)}... (${text.length} characters)` : text;
  return ['completed', 'gone'].includes(state) || !error ? state : `${state}: ${short}`;
}
