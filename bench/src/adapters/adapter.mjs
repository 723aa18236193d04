/**
 * What the benchmark asks of every contender. An adapter opens connections when they are first
 * needed, so that a process that only runs jobs has none for enqueueing.
 *
 * @typedef {object} Job the payload, see payload.mjs
 *
 * @typedef {object} AdapterOptions
 * @property {string} [url] of the database
 * @property {{ host: string, port: number }} [redis]
 * @property {boolean} [tuned] the best setting that the documentation names, instead of the default
 * @property {'throughput' | 'latency'} [goal] what to tune for, where these differ
 * @property {boolean} [history] false keeps no finished jobs
 * @property {number} [callers] callers that each have a transaction open at the same time
 * @property {'none' | 'plain'} [trigger] what stands in for the trigger that wakes the workers
 * @property {boolean} [single] one handler call a job, where a batch is what is fast
 * @property {'json' | 'copy'} [bulk] how the floor inserts many rows
 *
 * @typedef {{ onJob: (job: Job) => unknown, concurrency?: number }} Handler of a queue; `concurrency` overrides the setting
 *
 * @typedef {object} Adapter
 * @property {string} version
 * @property {Record<string, unknown>} settings what is not at its default
 * @property {(queues: string[]) => Promise<void>} setup creates the tables; once a database
 * @property {(queue: string, job: Job) => Promise<unknown>} enqueue resolves when the job is committed
 * @property {(queue: string, jobs: Job[], delaySeconds?: number, grouped?: boolean) => Promise<unknown>} enqueueMany
 *   `grouped`: each in a group of its own
 * @property {(handlers: Record<string, Handler>) => Promise<void>} work starts to run the jobs of these
 *   queues; the first thing that a process asks for, if at all
 * @property {(queue: string) => Promise<number>} remaining jobs that are waiting or running
 * @property {() => Promise<void>} close lets running jobs end
 * @property {(queue: string, job: Job, inside: () => Promise<void>) => Promise<void>} [transact]
 *   enqueues in a transaction of the caller, which stays open while `inside` runs
 * @property {(queue: string) => Promise<void>} [suspend] no process starts jobs of the queue until `resume`
 * @property {(queue: string) => Promise<void>} [resume]
 * @property {(queue: string, jobs: number) => Promise<void>} [blockGroups] puts in jobs of two groups that are full
 * @property {(jobs: number) => Promise<void>} [fillHistory] puts finished jobs into the history
 */
export {};
