import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../src/clock.mjs';
import { tally } from '../tally.mjs';

const outage = (awayMs) => ({
  title: `2: the server crashes and is away for ${awayMs / 1_000} s while handlers end`,
  options: { lease: 'ten' },
  runs: 3,
  run: (trial) => crash(trial, awayMs),
});

export default [outage(200), outage(2_000)];

async function crash(trial, awayMs) {
  await trial.worker();
  await trial.worker();
  const producer = await trial.start();
  const stop = trial.produce(producer, 4, () => ({ ms: Math.floor(Math.random() * 60) }));
  await sleep(2_000);
  const long = Array.from({ length: 8 }, (_, i) => `long ${i}`);
  await Promise.all(long.map((n) => trial.enqueue({ n, ms: 700 })));
  for (const n of long) await trial.happens('started', n);
  const goneAt = now();
  await trial.server.crash(awayMs);
  const backAt = now();
  const firstRunAt = trial.happens('started', undefined, { after: backAt, ms: 60_000 });
  for (let tries = 0; !(await trial.enqueue({ n: `after ${tries}` })) && tries < 100; tries++) await sleep(100);
  const first = await firstRunAt;
  await sleep(1_000);
  await stop();
  await trial.settled(30_000);
  return {
    'server away, ms': Math.round(backAt - goneAt),
    'takes jobs again after its return, ms': first ? Math.round(first.at - backAt) : 'not within 60 s',
    'handlers that ran through the outage': long.length,
    'of these run again': long.filter((n) => trial.events('started', n).length > 1).length,
    ...(await tally(trial)),
  };
}
