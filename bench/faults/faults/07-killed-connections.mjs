import { setTimeout as sleep } from 'node:timers/promises';
import { tally } from '../tally.mjs';

export default [
  { title: '7: five connections a second are killed for 20 s, 16 writers, 2 workers', options: { lease: 'ten' }, runs: 3, run: killConnections },
];

async function killConnections(trial) {
  await trial.worker();
  await trial.worker();
  const producer = await trial.start();
  const stop = trial.produce(producer, 16, () => ({ ms: Math.floor(Math.random() * 20) }));
  let kills = 0;
  for (let i = 0; i < 100; i++) {
    await sleep(200);
    const connections = await trial.server.connections();
    if (connections.length === 0) continue;
    await trial.server.kill(connections[Math.floor(Math.random() * connections.length)]);
    kills++;
  }
  await stop();
  await trial.settled(30_000);
  return { 'connections killed': kills, ...(await tally(trial)) };
}
