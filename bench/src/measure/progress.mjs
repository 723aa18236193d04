import { setTimeout as sleep } from 'node:timers/promises';
import { deferred } from '../deferred.mjs';

/** Follows several processes while they work off one queue. */
export class Progress {
  /** Jobs that have started in each process. @type {Map<object, number>} */
  #started = new Map();
  #begun = deferred();
  #reached = deferred();

  /**
   * @param {import('../processes/contender-process.mjs').ContenderProcess[]} workers
   * @param {number} jobs that are to run in all
   */
  constructor(workers, jobs) {
    for (const worker of workers) {
      worker.on('progress', (started) => {
        this.#started.set(worker, started);
        if (this.#started.size === workers.length) this.#begun.resolve(true);
        if ([...this.#started.values()].reduce((sum, count) => sum + count, 0) >= jobs) this.#reached.resolve(true);
      });
      worker.once('ended', (error) => {
        this.#begun.reject(error);
        this.#reached.reject(error);
      });
    }
    this.#begun.promise.catch(() => {}); // whoever asks is told
    this.#reached.promise.catch(() => {});
  }

  /** Whether every process had a job in time. */
  begunWithin(seconds) {
    return within(this.#begun.promise, seconds);
  }

  /** Whether all jobs had started in time. */
  reachedWithin(seconds) {
    return within(this.#reached.promise, seconds);
  }
}

/** @returns {Promise<boolean>} whether it resolved in time */
async function within(promise, seconds) {
  const timeout = new AbortController();
  try {
    return await Promise.race([promise, sleep(seconds * 1_000, false, { signal: timeout.signal })]);
  } finally {
    timeout.abort();
  }
}
