import { Inject } from '@nestjs/common';
import { JobConfigs } from './job-configs.js';
import { JobQueue } from './job-queue.js';
import { DEFAULT_NAME } from './notify-queue.constants.js';

/**
 * Injection token of the `JobQueue` of `forRoot({ name })`, for tests and factories. Without a name it is the class.
 *
 * @example
 * Test.createTestingModule({ imports: [AppModule] }).overrideProvider(getJobQueueToken('billing')).useValue(fake)
 */
export function getJobQueueToken(name: string = DEFAULT_NAME): typeof JobQueue | string {
  return name === DEFAULT_NAME ? JobQueue : `NotifyQueue_${name}_JobQueue`;
}

/** The same for `JobConfigs`. */
export function getJobConfigsToken(name: string = DEFAULT_NAME): typeof JobConfigs | string {
  return name === DEFAULT_NAME ? JobConfigs : `NotifyQueue_${name}_JobConfigs`;
}

/**
 * Injects the `JobQueue` of `forRoot({ name })`.
 *
 * @example
 * constructor(@InjectJobQueue('billing') private readonly billing: JobQueue) {}
 */
export const InjectJobQueue = (name?: string): PropertyDecorator & ParameterDecorator => Inject(getJobQueueToken(name));

/** Injects the `JobConfigs` of `forRoot({ name })`. */
export const InjectJobConfigs = (name?: string): PropertyDecorator & ParameterDecorator => Inject(getJobConfigsToken(name));
