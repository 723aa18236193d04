import type { Worker } from '../support/worker.js';
import type { Follower, Run } from './history/history.js';

/** The runs that a worker has told of. */
export function runsOf({ events }: Worker): Run[] {
  return events.flatMap((event) =>
    event.type === 'job:started' && event.run ? [{ jobId: event.jobId, run: event.run, pid: event.pid, startedAt: event.at }] : [],
  );
}

/** What a worker was shown of the configuration; nothing if it never came so far. */
export function followersOf({ pid, events }: Worker, toTheEnd: boolean): Follower[] {
  const loaded = events.find((event) => event.type === 'config:loaded');
  if (!loaded) return [];
  return [{ pid, first: loaded.values, changes: events.filter((event) => event.type === 'config:changed'), toTheEnd }];
}
