export { getJobQueueTester, JobQueueTester } from './job-queue-tester.js';
export { NotifyQueueTestingModule, type NotifyQueueTestingOptions } from './notify-queue-testing.module.js';
export type { ExpectedJob, JobSelector, PartOf, PayloadFor, RecordFor } from './selector.js';
export type { TestMode, TestQueueOptions } from './testing-options.js';
export { withTestQueue, type OverridableModuleBuilder } from './with-test-queue.js';
