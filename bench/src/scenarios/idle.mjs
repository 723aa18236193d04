import { setTimeout as sleep } from 'node:timers/promises';
import { producers } from '../contenders.mjs';
import { column } from '../report/columns.mjs';
import { cpuUs } from '../measure/cpu.mjs';

const QUEUES = Array.from({ length: 10 }, (_, index) => `idle${index}`);
/** Until a process that has just started is at rest, and connections have told of their commits. */
const REST_SECONDS = 12;

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'A process with 10 queues and nothing to do',
  cases: ({ quick }) => [
    {
      name: 'at rest',
      contenders: producers.filter((name) => name !== 'floor'),
      plan: { queues: QUEUES },
      columns: [
        column('statements', 'statements/s', 2),
        column('commits', 'commits/s', 2),
        column('serverMs', 'server ms/s', 2),
        column('clientMs', 'client ms/s', 2),
        column('connections', 'conns'),
      ],
      measure: (run) => rest(run, quick ? 5 : 30, quick ? 2 : REST_SECONDS),
    },
  ],
};

async function rest(run, seconds, restSeconds) {
  await run.server.trackStatements?.();
  const worker = await run.start();
  await worker.call('work', { queues: QUEUES });
  const look = async () => ({
    ...(await run.server.usage()),
    statements: await run.server.statements?.(),
    clientMs: cpuUs(await worker.call('cpu')) / 1_000,
  });
  await sleep(restSeconds * 1_000);
  const before = await look();
  await sleep(seconds * 1_000);
  const after = await look();
  const perSecond = (key) => (before[key] === undefined ? undefined : (after[key] - before[key]) / seconds);
  return {
    statements: perSecond('statements'),
    commits: perSecond('commits'),
    serverMs: perSecond('cpuMs'),
    clientMs: perSecond('clientMs'),
    connections: await run.server.connections(),
  };
}
