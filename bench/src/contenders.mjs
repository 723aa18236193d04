/**
 * @typedef {object} Contender
 * @property {string} adapter the file in adapters/
 * @property {'postgres' | 'redis'} server
 * @property {boolean} peer another package, to be compared with
 * @property {Record<string, unknown>} options for the adapter
 */

/** @type {(adapter: string, options?: object, rest?: Partial<Contender>) => Contender} */
const contender = (adapter, options = {}, rest = {}) => ({ adapter, server: 'postgres', peer: false, options, ...rest });
const peer = (adapter, options, server = 'postgres') => contender(adapter, options, { peer: true, server });

/**
 * Everything that can be measured, in the order of the tables. `ours` keeps finished jobs, as it
 * does by default; `-tuned` is a peer in the best setting that its documentation
 * names, and `-single` the same with one handler call a job, where only batches make it fast.
 *
 * @type {Record<string, Contender>}
 */
export const contenders = {
  ours: contender('ours'),
  'ours-nohistory': contender('ours', { history: false }),
  floor: contender('floor'),
  'floor-json': contender('floor', { bulk: 'json' }),
  'floor-copy': contender('floor', { bulk: 'copy' }),
  'graphile-worker': peer('graphile-worker', { tuned: false }),
  'graphile-worker-tuned': peer('graphile-worker', { tuned: true }),
  'pg-boss': peer('pg-boss', { tuned: false }),
  'pg-boss-single': peer('pg-boss', { tuned: true, single: true }),
  'pg-boss-tuned': peer('pg-boss', { tuned: true }),
  'bullmq-pg': peer('bullmq-pg', { tuned: false }),
  'bullmq-pg-tuned': peer('bullmq-pg', { tuned: true }),
  'bullmq-redis': peer('bullmq-redis', { tuned: false }, 'redis'),
  'bullmq-redis-tuned': peer('bullmq-redis', { tuned: true }, 'redis'),
};

const names = Object.keys(contenders);

export const peers = names.filter((name) => contenders[name].peer);
/** Whoever runs jobs one by one as a queue does. */
export const queues = ['ours', 'ours-nohistory', 'floor', ...peers];
/** Where it makes no difference how jobs are run. */
export const producers = ['ours', 'floor', ...peers.filter((name) => name !== 'pg-boss-single')];
