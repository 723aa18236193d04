/**
 * What a fault asks of every contender, by its public API.
 *
 * @typedef {object} Payload
 * @property {number | string} n names the job in what handlers tell
 * @property {number} [ms] how long its handler takes
 * @property {string} [nasty] what its handler throws or returns, see nasty.mjs
 *
 * @typedef {object} Options
 * @property {string} [url] of the database
 * @property {{ host: string, port: number }} [redis]
 * @property {'default' | 'ten'} [lease] its own defaults, or ten seconds where that can be set
 * @property {'default' | 'minute' | 'fast'} [poll] how often it looks without being told
 * @property {number} [timeoutSeconds] the longest run, where that can be set
 * @property {boolean} [once] failed jobs are not retried
 * @property {boolean} [unique] the queue is for jobs with keys
 *
 * @typedef {(payload: Payload, signal: AbortSignal | undefined, id: string) => Promise<unknown>} Run
 *
 * @typedef {object} Job
 * @property {'waiting' | 'running' | 'completed' | 'failed' | 'gone'} state
 * @property {string} [error]
 * @property {unknown} [result]
 *
 * @typedef {object} Contender
 * @property {() => Promise<void>} setup creates the tables; once a database
 * @property {(run: Run) => Promise<void>} work
 * @property {(payload: Payload, key?: string) => Promise<string>} enqueue resolves with the id when it is stored
 * @property {(id: string) => Promise<Job>} job
 * @property {() => Promise<{ waiting: number, running: number, failed: number }>} counts
 * @property {() => Promise<void>} [unlock] what its documentation has for workers that are known to be dead
 * @property {() => Promise<void>} close
 */

export const CONCURRENCY = 10;

/** Tells the driver. Written at once, so that nothing is lost when the process is killed. */
export function tell(type, rest = {}) {
  const [seconds, nanoseconds] = process.hrtime();
  process.stdout.write(`${JSON.stringify({ type, at: seconds * 1e3 + nanoseconds / 1e6, ...rest })}\n`);
}

export const told = (error) => tell('error', { message: String(error?.message ?? error).slice(0, 200) });
