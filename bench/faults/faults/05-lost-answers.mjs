import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/clock.mjs';
import { Proxy } from '../servers/proxy.mjs';

/** By what to know the request, as it goes over the wire. */
const REQUESTS = {
  ours: { enqueue: /nq_insert_jobs/, reserve: /nq_exchange/, settle: /nq_exchange/ },
  bullmq: { enqueue: /evalsha/i, reserve: /evalsha/i, settle: /evalsha/i },
  'pg-boss': { enqueue: /INSERT INTO/, reserve: /SKIP LOCKED/, settle: /'completed'/ },
  'graphile-worker': { enqueue: /add_job/, reserve: /SKIP LOCKED|get_job/i, settle: /complete_job|delete from/i },
};
const KEY = '01980000-0000-7000-8000-000000000001';
const lost = (what, run, options = {}) => ({ title: `5: the answer to ${what} is lost`, options: { lease: 'ten', ...options }, runs: 3, run });

export default [
  lost('an enqueue', enqueue),
  lost('an enqueue under a key', keyedEnqueue, { unique: true }),
  lost('a reserve', reserve, { poll: 'default' }),
  lost('a settlement', settle),
];

async function enqueue(trial) {
  await trial.worker();
  const [proxy, address] = await proxied(trial);
  const producer = await trial.start(address);
  await trial.enqueue({ n: 'warm' }, producer);
  await trial.happens('returned', 'warm');
  await sleep(1_000);
  const isLost = proxy.loseAnswerTo(REQUESTS[trial.name].enqueue);
  const id = await trial.enqueue({ n: 'job' }, producer);
  await isLost;
  await sleep(4_000);
  const runs = trial.events('started', 'job');
  await proxy.stop();
  return {
    'the caller is told': id ? 'it is stored' : `an error: ${trial.refused.get('job')}`,
    'jobs stored': new Set(runs.map((run) => run.id)).size,
    runs: runs.length,
  };
}

/** A caller who is told of an error repeats the call. No worker runs. */
async function keyedEnqueue(trial) {
  const [proxy, address] = await proxied(trial);
  const producer = await trial.start(address);
  await producer.call('enqueue', [{ n: 'warm' }]);
  const before = await trial.look('counts');
  const isLost = proxy.loseAnswerTo(REQUESTS[trial.name].enqueue);
  const call = () => producer.call('enqueue', [{ n: 'job' }, KEY]);
  let told = 'it is stored';
  await call().catch((error) => (told = `an error: ${error.message}`));
  await isLost;
  for (let tries = 0; told !== 'it is stored' && tries < 10; tries++) {
    if (await call().then(() => true, () => sleep(200))) break;
  }
  const after = await trial.look('counts');
  await proxy.stop();
  return { 'the caller is told': told, 'jobs stored': after.waiting - before.waiting };
}

async function reserve(trial) {
  const [proxy, address] = await proxied(trial);
  await trial.worker(address);
  await warmUp(trial);
  const isLost = proxy.loseAnswerTo(REQUESTS[trial.name].reserve);
  const id = await trial.enqueue({ n: 'job' });
  const at = now();
  if (!(await Promise.race([isLost.then(() => true), sleep(5_000)]))) return { 'it was met': 'no' };
  const started = await trial.happens('started', 'job', { ms: 60_000 });
  await sleep(1_000);
  const { state } = await trial.look('job', [id]);
  await proxy.stop();
  return { 'the job starts after, ms': started ? Math.round(started.at - at) : 'not within 60 s', 'its state then': state, runs: trial.events('started', 'job').length };
}

async function settle(trial) {
  const [proxy, address] = await proxied(trial);
  await trial.worker(address);
  await warmUp(trial);
  const id = await trial.enqueue({ n: 'job', ms: 600 });
  await trial.happens('started', 'job');
  await sleep(300);
  const isLost = proxy.loseAnswerTo(REQUESTS[trial.name].settle);
  if (!(await Promise.race([isLost.then(() => true), sleep(5_000)]))) return { 'it was met': 'no' };
  await sleep(25_000);
  const { state } = await trial.look('job', [id]);
  await proxy.stop();
  return { 'its state 25 s later': state, runs: trial.events('started', 'job').length };
}

async function warmUp(trial) {
  await sleep(1_000);
  await trial.enqueue({ n: 'warm' });
  await trial.happens('returned', 'warm');
  await sleep(1_500);
}

async function proxied({ address }) {
  const proxy = await Proxy.start(address.redis?.port ?? Number(new URL(address.url).port));
  if (address.redis) return [proxy, { redis: { ...address.redis, port: proxy.port } }];
  const url = new URL(address.url);
  url.port = `${proxy.port}`;
  return [proxy, { url: url.href }];
}
