import { DEFAULT_SCHEMA } from './core/schema-name.js';
import { describe } from './errors/configuration.errors.js';

/** Texts that the module shows at boot. */

export const handlerMapped = (name: string, queue: string, concurrency: number, method: string, batchSize?: number): string =>
  `Mapped {${name}, queue ${queue}, concurrency ${concurrency}${batchSize ? `, batches of ${batchSize}` : ''}} job handler to ${method}`;

export const twoHandlers = (name: string, first: string, second: string): string =>
  `Job '${name}' has two handlers: ${first} and ${second}. Keep one of them, or give one another job name.`;

export const twoQueues = (name: string, one: string, other: string, method: string): string =>
  `Job '${name}' is defined for queue '${one}', but ${method} claims it for queue '${other}'. Let the handler name no queue, or the same one.`;

export const transientHandler = (name: string, method: string): string =>
  `${method} handles job '${name}', but its class is transient, so there is no instance to call. ` +
  'Make the class a singleton or request-scoped, or move the handler to one that is.';

export const undecoratedParam = (method: string, index: number): string =>
  `${method} has a parameter without a decorator, number ${index + 1}, beside others with one. ` +
  'Decorate it with @JobRef() for the job, @JobPayload() for the payload, @JobSignal() for the signal, @JobManager() for the manager of its transaction, or one of your own.';

export const managerWithoutTransaction = (method: string): string =>
  `${method} has a parameter with @JobManager(), and no transaction. Give its @JobHandler { transactional: true }.`;

export const smallPool = (queue: string, concurrency: number, poolSize: number): string =>
  `Queue '${queue}' runs up to ${concurrency} jobs at once, and each of a transactional handler takes a connection of the data ` +
  `source, whose pool has ${poolSize}: some will wait for one. Raise poolSize, or lower the queue's concurrency`;

export const badHandlerOption = (method: string, problem: string): string => `${method}: ${problem}`;

export const entitiesMissing = (dataSource: string, schema: string): string =>
  `The queue's entities are not registered with ${dataSource}. Set autoLoadEntities: true in TypeOrmModule.forRoot(), ` +
  `or add this line to its options: entities: [...notifyQueueEntities(${schema === DEFAULT_SCHEMA ? '' : `'${schema}'`})]`;

export const twoModules = (name: string): string =>
  `NotifyQueueModule.forRoot() is imported twice under the name '${name}' in this application, which would run every job ` +
  'handler from two queues. Import it once, in the root module, where JobQueue and JobConfigs can be injected everywhere; ' +
  "or give one of them another { name } and { schema }, and its handlers { jobQueue: '<name>' }.";

export const noSuchModule = (jobQueue: string, method: string, names: readonly string[]): string =>
  `${method} handles jobs of JobQueue '${jobQueue}', and there is no NotifyQueueModule.forRoot({ name: '${jobQueue}' }). Known: ${names.join(', ')}.`;

export const noShutdownHooks = (): string =>
  'app.enableShutdownHooks() was not called: on SIGTERM running jobs are cut off, and run again only when the lease is over';

export const modeClassMissing = (className: string, method: string): string =>
  `No provider of class ${className} with a method ${method} was found. Add it to the providers of a module.`;

export const badSuspension = (key: string, value: string): string =>
  `Config row '${key}' is ${describe(value)}, which is neither 'true' nor 'false'; the last good state stays`;

export const badSetting = (key: string, value: string, expected: string): string =>
  `Config row '${key}' is ${describe(value)}; expected ${expected}. The last good value stays`;

export const noneToRun = (runQueues: readonly string[], served: readonly string[]): string =>
  `This process runs no jobs: no handler is for any of runQueues (${runQueues.join(', ')}). Handlers here are for: ${[...new Set(served)].join(', ') || 'none'}`;
