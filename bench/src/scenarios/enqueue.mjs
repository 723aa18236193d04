import { producers } from '../contenders.mjs';
import { measureProducer } from '../measure/produce.mjs';
import { throughput } from '../report/columns.mjs';
import { transactionCases } from './transactions.mjs';

/** @type {import('./index.mjs').Scenario} */
export default {
  title: 'Jobs are enqueued while nothing runs them; every promise resolves after its commit',
  cases({ quick }) {
    const seconds = quick ? 1 : 5;
    return [
      calls('one after another', 1, seconds),
      calls('32 in flight', 32, seconds),
      calls('256 in flight', 256, seconds),
      bulk('bulk of 1,000', 1_000, seconds),
      ...transactionCases(seconds),
    ];
  },
};

function calls(name, inFlight, seconds) {
  return measured(name, producers, (producer) => producer.call('enqueue', { queue: 'bench', inFlight, seconds }));
}

function bulk(name, size, seconds) {
  const contenders = producers.flatMap((producer) => (producer === 'floor' ? ['floor', 'floor-json', 'floor-copy'] : [producer]));
  return measured(name, contenders, (producer) => producer.call('enqueueMany', { queue: 'bench', size, seconds }));
}

function measured(name, contenders, work) {
  return {
    name,
    contenders,
    plan: { queues: ['bench'] },
    columns: throughput,
    measure: (run) => measureProducer(run, work),
  };
}
