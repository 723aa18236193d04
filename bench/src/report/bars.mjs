import { contenders, peers } from '../contenders.mjs';
import { ratio } from './table.mjs';

const onPostgres = peers.filter((name) => contenders[name].server === 'postgres');
const onRedis = peers.filter((name) => contenders[name].server === 'redis');

/** What is to be reached. A bar is left out when what it needs was not run. */
const BARS = [
  bar('process, no history / graphile-worker tuned', '>=', 1.7, (at) => oneProcess(at).rate('ours-nohistory', ['graphile-worker-tuned'])),
  bar('process, no history / floor', '>=', 0.7, (at) => oneProcess(at).rate('ours-nohistory', ['floor'])),
  bar('process, history kept / graphile-worker tuned', '>=', 1.25, (at) => oneProcess(at).rate('ours', ['graphile-worker-tuned'])),
  bar('process, history kept / pg-boss tuned', '>=', 2.3, (at) => oneProcess(at).rate('ours', ['pg-boss-tuned'])),
  bar('process, two processes / one', '>=', 1.15, (at) => at('process', '2 processes').toBaseline('ours')),
  bar('process, no history, server us a job', '<=', 14, (at) => oneProcess(at).median('ours-nohistory', 'serverUs')),
  bar('process, no history, WAL bytes a job', '<=', 700, (at) => oneProcess(at).median('ours-nohistory', 'walBytes')),
  bar('enqueue, 32 in flight / best on Postgres', '>=', 15, (at) => at('enqueue', '32 in').rate('ours', onPostgres)),
  bar('enqueue, 32 in flight / BullMQ on Redis', '>=', 1.4, (at) => at('enqueue', '32 in').rate('ours', onRedis)),
  bar('enqueue, 256 in flight / BullMQ on Redis', '>=', 3, (at) => at('enqueue', '256 in').rate('ours', onRedis)),
  bar('48 transactions / without any trigger', '>=', 0.85, (at) => at('enqueue', 'own transaction').toBaseline('ours')),
  bar('48 transactions, pick-up p99 ms', '<=', 10, (at) => at('enqueue', 'rest in between').median('ours', 'p99')),
  bar('48 transactions, pick-up p99 ms at full speed', '<=', 10, (at) => at('enqueue', 'full speed').median('ours', 'p99')),
  bar('bulk of 1,000 / best peer', '>=', 2.5, (at) => at('enqueue', 'bulk').rate('ours', peers)),
  bar('latency, other process, p50 / best on Postgres', '<=', 0.9, (at) => at('latency', 'other').toLeast('ours', onPostgres, 'p50')),
  bar('latency, other process, p99 / that peer', '<=', 1, (at) => at('latency', 'other').toLeast('ours', onPostgres, 'p99')),
  bar('latency, same process, p50 / plain insert', '<=', 1.15, (at) => at('latency', 'same').median('ours', 'toInsert')),
  bar('steady / best on Postgres', '>=', 12, (at) => at('steady', 'completed').rate('ours', onPostgres)),
  bar('steady / BullMQ on Redis', '>=', 1.3, (at) => at('steady', 'completed').rate('ours', onRedis)),
  bar('many waiting in another queue / without', '>=', 0.9, (at) => at('backlog', 'another queue').toBaseline('ours')),
  bar('many waiting in the same queue / without', '>=', 0.9, (at) => at('backlog', 'more waiting').toBaseline('ours')),
  bar('many due tomorrow / without', '>=', 0.9, (at) => at('backlog', 'due tomorrow').toBaseline('ours')),
  bar('many in the history / without', '>=', 0.9, (at) => at('backlog', 'history').toBaseline('ours')),
  bar('many reserved in another process / without', '>=', 0.8, (at) => at('long-running', 'another').toBaseline('ours')),
  bar('many reserved in the same process / without', '>=', 0.8, (at) => at('long-running', 'same').toBaseline('ours')),
  bar('pinned / undisturbed', '>=', 0.8, (at) => at('pinned', 'open').toBaseline('ours')),
  bar('idle, statements a second', '<=', 1, (at) => at('idle', 'at rest').median('ours', 'statements')),
  bar('idle, connections', '<=', 3, (at) => at('idle', 'at rest').median('ours', 'connections')),
];

/**
 * Sets the medians beside what they are to reach.
 *
 * @param {Map<string, import('./table.mjs').Row[]>} all rows by scenario and case
 * @returns {string[][]} name, bar, what was reached, and whether that is enough
 */
export function barsOf(all) {
  const at = (scenario, text) => {
    const found = [...all].find(([key]) => key.startsWith(`${scenario}: `) && key.includes(text));
    return new Rows(found?.[1] ?? []);
  };
  return BARS.flatMap(({ name, sign, needed, reached }) => {
    const value = reached(at);
    if (!Number.isFinite(value)) return [];
    const met = sign === '>=' ? value >= needed : value <= needed;
    return [[name, `${sign} ${needed}`, ratio(value), met ? 'met' : 'missed']];
  });
}

function oneProcess(at) {
  return at('process', 'one process');
}

function bar(name, sign, needed, reached) {
  return { name, sign, needed, reached };
}

/** The rows of one case, to compare with each other. */
class Rows {
  constructor(rows) {
    this.rows = new Map(rows.map((row) => [row.contender, row]));
  }

  median(contender, key) {
    return this.rows.get(contender)?.figures[key]?.median;
  }

  toBaseline(contender) {
    return this.rows.get(contender)?.toBaseline;
  }

  /** Divides jobs a second by those of the fastest of the others. */
  rate(contender, others) {
    const rates = others.map((other) => this.median(other, 'rate')).filter((rate) => rate !== undefined);
    return rates.length > 0 ? this.median(contender, 'rate') / Math.max(...rates) : undefined;
  }

  /** Divides a figure by that of the peer whose median latency is the least. */
  toLeast(contender, others, key) {
    const p50 = (name) => this.median(name, 'p50') ?? Infinity;
    const least = others.reduce((best, other) => (p50(other) < p50(best) ? other : best));
    return this.median(contender, key) / this.median(least, key);
  }
}
