import { setTimeout as sleep } from 'node:timers/promises';
import { tally } from '../tally.mjs';

const isolation = (level) => ({
  title: `9: the database's default isolation is ${level}`,
  options: { lease: 'ten' },
  runs: 3,
  needs: 'postgres',
  prepare: (trial) => trial.server.setDefault('default_transaction_isolation', level),
  run: load,
});

export default [isolation('repeatable read'), isolation('serializable')];

async function load(trial) {
  await trial.worker();
  await trial.worker();
  const producer = await trial.start();
  const stop = trial.produce(producer, 16, () => ({ ms: Math.floor(Math.random() * 20) }));
  await sleep(10_000);
  await stop();
  await trial.settled(30_000);
  const errors = trial.events('error');
  return { 'errors that workers report': errors.length, 'such as': errors.at(-1)?.message ?? '-', ...(await tally(trial)) };
}
