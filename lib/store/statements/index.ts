import { statementNames, type Statement } from '../statement.js';
import { cancelJobs, holdJobs, moveJobs, releaseJobs, retryJobs, updateJobs } from './bulk.js';
import { createConfig, deleteConfig, readConfigs, setConfig, updateConfig } from './configs.js';
import { publishEvents } from './events.js';
import { exchange, exchangeRated } from './exchange.js';
import { finishJob, rowFate } from './finish-job.js';
import { expireHistory, prepareHistory } from './history.js';
import { insertJobs, insertJobsOnce, insertReserved, insertUnique } from './insert-jobs.js';
import { expire, register, renew, unregister } from './lease.js';
import { holdings, patrol, shelve } from './patrol.js';
import { pickJobs } from './pick-jobs.js';
import { progress } from './progress.js';
import { countJobs, findJobs, getJob, listInstances } from './read-jobs.js';
import { requeue } from './requeue.js';
import { rescue } from './rescue.js';
import { cancelJob, holdJob, moveJob, releaseJob, retryJob, updateJob, watchJob } from './steer-jobs.js';
import { sweepGroups, takeSlots } from './sweep-groups.js';
import { survey } from './survey.js';

/** Every statement of the package, written for one schema. */
export function createStatements(schema: string) {
  const names = statementNames(schema);
  return {
    cancelJob: cancelJob(names),
    cancelJobs: cancelJobs(names),
    countJobs: countJobs(names),
    createConfig: createConfig(names),
    deleteConfig: deleteConfig(names),
    exchange: exchange(names),
    exchangeRated: exchangeRated(names),
    expire: expire(names),
    expireHistory: expireHistory(names),
    findNewestJobs: findJobs(names, 'newest'),
    findOldestJobs: findJobs(names, 'oldest'),
    finishJob: finishJob(names),
    getJob: getJob(names),
    holdJob: holdJob(names),
    holdJobs: holdJobs(names),
    holdings: holdings(names),
    insertJobs: insertJobs(names),
    insertJobsOnce: insertJobsOnce(names),
    insertReserved: insertReserved(names),
    insertUnique: insertUnique(names),
    sweepGroups: sweepGroups(names),
    listInstances: listInstances(names),
    moveJob: moveJob(names),
    moveJobs: moveJobs(names),
    patrol: patrol(names),
    pickFinishedJobs: pickJobs(names, 'job_history'),
    pickLiveJobs: pickJobs(names, 'jobs'),
    prepareHistory: prepareHistory(names),
    progress: progress(names),
    publishEvents: publishEvents(names),
    readConfigs: readConfigs(names),
    register: register(names),
    releaseJob: releaseJob(names),
    releaseJobs: releaseJobs(names),
    renew: renew(names),
    requeue: requeue(names),
    rescue: rescue(names),
    retryJob: retryJob(names),
    retryJobs: retryJobs(names),
    rowFate: rowFate(names),
    setConfig: setConfig(names),
    shelve: shelve(names),
    survey: survey(names),
    unregister: unregister(names),
    takeSlots: takeSlots(names),
    updateConfig: updateConfig(names),
    updateJob: updateJob(names),
    updateJobs: updateJobs(names),
    watchJob: watchJob(names),
  } satisfies Record<string, Statement>;
}

export type Statements = ReturnType<typeof createStatements>;
