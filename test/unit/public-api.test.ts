import { describe, expect, it } from 'vitest';
import * as errors from '../../lib/errors/index.js';
import * as main from '../../lib/index.js';
import * as opentelemetry from '../../lib/opentelemetry/index.js';
import * as prometheus from '../../lib/prometheus/index.js';
import * as terminus from '../../lib/terminus/index.js';
import * as testing from '../../lib/testing/index.js';
import * as migrations from '../../migrations/index.js';

/** What can be imported at run time. A line that goes away breaks somebody's application. */
const MAIN = [
  'Abandon',
  'AbandonJobError',
  'ConfigExistsError',
  'ConfigNotFoundError',
  'DatabaseUnavailableError',
  'DuplicateModuleError',
  'EnqueueOutcomeUnknownError',
  'EntitiesNotRegisteredError',
  'ExponentialRetry',
  'HandlerConflictError',
  'IgnoreSuccess',
  'InjectJobConfigs',
  'InjectJobQueue',
  'InvalidArgumentError',
  'InvalidConfigValueError',
  'InvalidHandlerError',
  'InvalidOptionError',
  'InvalidPayloadError',
  'JobAbandonedError',
  'JobCancelledError',
  'JobConfigs',
  'JobForgottenError',
  'JobHandler',
  'JobManager',
  'JobNotFoundError',
  'JobPayload',
  'JobQueue',
  'JobRef',
  'JobSignal',
  'JobStateError',
  'JobTimeoutError',
  'LogSuccess',
  'LostReservationError',
  'MigrationsPendingError',
  'Move',
  'NotifyQueueError',
  'NotifyQueueModule',
  'QueueClosedError',
  'ResultTimeoutError',
  'Retry',
  'SchemaTooNewError',
  'ShutdownError',
  'SnoozeJobError',
  'TransactionEndedError',
  'UnknownQueueError',
  'UnreadableValueError',
  'UnstorableValueError',
  'UnsupportedDatabaseError',
  'ValueTooLargeError',
  'defineJob',
  'encryption',
  'getJobConfigsToken',
  'getJobQueueToken',
  'isJobContext',
  'jobOf',
  'notifyQueueEntities',
  'queueEntities',
  'toBoolean',
  'toNumber',
];

const MIGRATIONS = ['createNotifyQueueMigrations', 'notifyQueueMigration', 'notifyQueueMigrations'];

const TESTING = ['JobQueueTester', 'NotifyQueueTestingModule', 'getJobQueueTester', 'withTestQueue'];

describe('the public names', () => {
  it('of nestjs-notify-queue are these', () => {
    expect(Object.keys(main).sort()).toEqual(MAIN);
  });

  it('of nestjs-notify-queue/migrations are these', () => {
    expect(Object.keys(migrations).sort()).toEqual(MIGRATIONS);
  });

  it('of the subpaths with a peer of their own are these', () => {
    expect(Object.keys(opentelemetry)).toEqual(['openTelemetry']);
    expect(Object.keys(prometheus)).toEqual(['prometheusMetrics']);
    expect(Object.keys(terminus)).toEqual(['JobQueueHealthIndicator']);
  });

  it('of nestjs-notify-queue/testing are these', () => {
    expect(Object.keys(testing).sort()).toEqual(TESTING);
  });

  it('include every error of the package, each of which is a NotifyQueueError', () => {
    for (const [name, value] of Object.entries(errors)) {
      // A worker that was lost throws nothing: the name stands in the job's failure.
      if (name === 'NotifyQueueError' || name === 'WorkerLostError') continue;
      expect(main).toHaveProperty(name, value);
      expect(value.prototype).toBeInstanceOf(main.NotifyQueueError);
    }
  });
});
