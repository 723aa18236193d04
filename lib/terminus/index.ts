export { JobQueueHealthIndicator } from './job-queue.health-indicator.js';
export type { JobQueueHealthOptions } from './health-options.js';
