import { randomUUID } from 'node:crypto';
import type { Statements } from '../../lib/store/statements/index.js';

/** Where a reserve begins. */
export const START = [-32_768, '-infinity', '00000000-0000-0000-0000-000000000000'];
const IDS = Array.from({ length: 100 }, () => randomUUID());
const fill = <T>(value: T): T[] => IDS.map(() => value);
const [ID] = IDS as [string];
const NEW_JOBS = [IDS, fill('{}'), fill(0), null, null, 'mail', 'greet', null, null, null, null, null, null];
const FINISHES = [IDS, fill(1), fill('completed'), fill('null'), fill(null), fill(null), [60_000, 60_000, 60_000]];
const KEEP = [['mail'], [60_000], 60_000];
const ANY_JOB = [null, null, null, null, null, null, null, null];
const MANY = ['mail', null, ['available'], null, null, null, null, null];
const FINISHED = ['mail', null, ['completed'], null, null, null, null, null];

/** Values for every statement, for tests that run or plan each; those of the exchange finish 100 jobs. */
export const SAMPLE_PARAMS: Record<keyof Statements, readonly unknown[]> = {
  exchange: ['mail', 100, ID, ['greet'], ['suspended'], ...FINISHES, ...START, '{}'],
  exchangeRated: ['mail', 100, ID, ['greet'], ['suspended'], ...FINISHES, ...START, '{}', 10, 10],
  finishJob: [ID, 1, ID, 'null', null, 60_000],
  rowFate: [ID, 1, ID],
  requeue: [IDS, fill(1), fill(1_000), fill(1), fill(null), fill(null), fill(null), ID],
  progress: [IDS, fill(1), fill('{}'), ID],
  rescue: [3, ...KEEP, IDS],
  patrol: [ID, '(0,0)', '(1024,0)', []],
  holdings: [ID, IDS],
  shelve: [ID, IDS],
  survey: [['mail', 'report']],
  getJob: [ID],
  findOldestJobs: [...ANY_JOB, ID, 100],
  findNewestJobs: [...ANY_JOB, null, 100],
  cancelJob: [ID, 1, ...KEEP],
  moveJob: [ID, 'report'],
  retryJob: [ID],
  updateJob: [ID, '{}', 2, 1, 1_000, null],
  holdJob: [ID],
  releaseJob: [ID],
  watchJob: [ID],
  pickLiveJobs: [...MANY, ID, 1_000, null],
  pickFinishedJobs: [...FINISHED, ID, 1_000, null],
  cancelJobs: [...MANY, IDS, ...KEEP],
  holdJobs: [...MANY, IDS],
  releaseJobs: [...MANY, IDS],
  updateJobs: [...MANY, IDS, 1, 1_000, null],
  moveJobs: [...MANY, IDS, 'report'],
  retryJobs: [...FINISHED, IDS],
  insertJobs: NEW_JOBS,
  insertJobsOnce: NEW_JOBS,
  insertReserved: [...NEW_JOBS, ID, []],
  insertUnique: [...NEW_JOBS, fill('key').map((key, n) => `f:greet\n${key}${n}`), null, 'keep'],
  sweepGroups: ['mail', '', 100, '{}'],
  takeSlots: ['mail', ID, 1, 2, 3],
  listInstances: [],
  countJobs: [null],
  readConfigs: [null],
  createConfig: ['key', 'value'],
  setConfig: ['key', 'value'],
  updateConfig: ['key', 'value'],
  deleteConfig: ['key'],
  register: [ID, 'host', 1, '1.0.0', ['mail'], 15_000, null],
  expire: [ID],
  renew: [ID, 15_000],
  unregister: [ID],
  prepareHistory: [[60_000]],
  expireHistory: [],
  publishEvents: [['{}']],
};
