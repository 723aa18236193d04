import { setTimeout as sleep } from 'node:timers/promises';

const LEASE_MS = 10_000;
const stopped = (variant) => ({
  title: `1: a worker is stopped past its lease and goes on ${variant}`,
  options: { lease: 'ten' },
  runs: 3,
  run: (trial) => stop(trial, variant === 'while another runs its job'),
});

export default [stopped('while another runs its job'), stopped('after another completed its job')];

async function stop(trial, during) {
  await trial.look('counts'); // starts the process that looks
  const first = await trial.worker();
  const id = await trial.enqueue({ n: 'job', ms: 6_000 });
  await trial.happens('started', 'job');
  await sleep(500);
  first.signal('SIGSTOP');
  const second = await trial.worker();
  await sleep(LEASE_MS + 500);
  await trial.look('unlock');
  const again = await second.until(() => second.events.find(({ type }) => type === 'started'), 60_000);
  if (!again) return { 'another ran the job': 'no' };
  const hasReturned = () => second.events.find(({ type, n }) => type === 'returned' && n === 'job');
  if (during) await sleep(1_000);
  else await second.until(hasReturned, 30_000).then(() => sleep(500));
  first.signal('SIGCONT');
  const seen = new Set();
  await first.until(() => first.events.find(({ type }) => type === 'returned'), 10_000);
  for (await sleep(300); during && !hasReturned(); await sleep(100)) {
    const { state } = await trial.look('job', [id]);
    if (!hasReturned()) seen.add(state);
  }
  await sleep(2_000);
  const job = await trial.look('job', [id]);
  const by = String(job.result?.ran ?? '').split('/')[0];
  second.signal('SIGKILL');
  await trial.enqueue({ n: 'next' });
  return {
    'another ran the job': 'yes',
    ...(during && { 'its state while the other still ran it': [...seen].join(', ') }),
    'its state at the end': job.state,
    'whose result is kept': by === `${second.pid}` ? 'of the other' : by === `${first.pid}` ? 'of the stopped one' : 'none is',
    'runs of the job': trial.events('started', 'job').length,
    "the stopped one's signal fired": first.events.some(({ type, n }) => type === 'aborted' && n === 'job') ? 'yes' : 'no',
    'the stopped one takes jobs again': (await trial.happens('started', 'next', { ms: 20_000 }))?.pid === first.pid ? 'yes' : 'no',
  };
}
