import backlog from './backlog.mjs';
import enqueue from './enqueue.mjs';
import groups from './groups.mjs';
import idle from './idle.mjs';
import latency from './latency.mjs';
import longRunning from './long-running.mjs';
import pinned from './pinned.mjs';
import process from './process.mjs';
import steady from './steady.mjs';

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string[]} contenders those that it makes sense for
 * @property {object} plan what to open a run with, see contender-run.mjs
 * @property {import('../report/columns.mjs').Column[]} columns
 * @property {string} [baseline] another case, whose figure of the same contender this one is divided by
 * @property {(run: import('../contender-run.mjs').ContenderRun) => Promise<Record<string, number>>} measure
 *
 * @typedef {{ title: string, cases: (options: { quick: boolean, full: boolean }) => Case[] }} Scenario
 */

/** @type {Record<string, Scenario>} */
export const scenarios = {
  process,
  enqueue,
  latency,
  steady,
  backlog,
  'long-running': longRunning,
  pinned,
  groups,
  idle,
};
