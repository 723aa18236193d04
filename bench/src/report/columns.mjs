/**
 * A figure of a case. The first column of a case is the one that contenders are compared by.
 *
 * @typedef {{ key: string, label: string, digits: number }} Column
 */

/** @type {(key: string, label: string, digits?: number) => Column} */
export const column = (key, label, digits = 0) => ({ key, label, digits });

/** What each job cost. */
export const costs = [
  column('serverUs', 'server us/job', 1),
  column('clientUs', 'client us/job', 1),
  column('walBytes', 'WAL B/job'),
  column('commits', 'commits/job', 3),
  column('connections', 'conns'),
];
export const throughput = [column('rate', 'jobs/s'), ...costs];
