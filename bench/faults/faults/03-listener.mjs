import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/clock.mjs';
import { Proxy } from '../servers/proxy.mjs';

const POLL = { minute: 'polls every minute', default: 'default polling' };
const lost = (poll) => ({ title: `3: the listener's connection is terminated, ${POLL[poll]}`, options: { poll }, runs: 3, run: terminate });
const frozen = (poll) => ({ title: `4: the listener's connection falls silent, ${POLL[poll]}`, options: { poll }, runs: 3, run: freeze });

export default [lost('minute'), lost('default'), frozen('minute'), frozen('default')];

async function terminate(trial) {
  await trial.worker();
  await warmUp(trial);
  await trial.server.kill(await listenerOf(trial));
  return delays(trial);
}

/** On PostgreSQL the process of the connection is stopped, for Redis a proxy passes nothing on any more. */
async function freeze(trial) {
  const proxy = trial.address.redis && (await Proxy.start(trial.address.redis.port));
  await trial.worker(proxy && { redis: { host: '127.0.0.1', port: proxy.port } });
  await warmUp(trial);
  const { pid, port } = await listenerOf(trial);
  if (proxy) proxy.silence(port);
  else process.kill(pid, 'SIGSTOP');
  try {
    return await delays(trial);
  } finally {
    if (pid) process.kill(pid, 'SIGCONT');
    await proxy?.stop();
  }
}

async function warmUp(trial) {
  await sleep(1_000);
  await trial.enqueue({ n: 'warm' });
  await trial.happens('returned', 'warm', { ms: 70_000 });
  await sleep(1_000 + Math.random() * 5_000); // anywhere between two polls
}

async function delays(trial) {
  const first = await delay(trial, 'first');
  await sleep(1_000);
  return { 'job enqueued at once starts after, ms': first, 'the next one after, ms': await delay(trial, 'second') };
}

async function delay(trial, n) {
  await trial.enqueue({ n });
  const at = now();
  const started = await trial.happens('started', n, { ms: 90_000 });
  return started ? Math.max(0, Math.round(started.at - at)) : 'not within 90 s';
}

/** The newest connection that listens is the worker's. */
async function listenerOf(trial) {
  const found = (await trial.server.connections()).filter(({ query, name }) => /^listen|^bzpopmin/i.test(query) || /listener/.test(name));
  if (found.length === 0) throw new Error('no connection listens');
  return found.at(-1);
}
