import type { JobCodec } from '../interfaces/job-codec.interface.js';
import type { Job, JobLog } from '../interfaces/job.interface.js';
import type { InstanceInfo, LeaseStore, Log, ReservationStore, RescuePolicy, SlotStore, SweepStore, TransactionStore } from '../interfaces/ports/index.js';
import { Deadlines } from './deadlines.js';
import { Engine } from './engine.js';
import { FailureSettler, type AskCustomMode } from './failure-settler.js';
import { GroupSweep } from './group-sweep.js';
import type { Handlers } from './handler.js';
import { HistoryKeeper } from './history-keeper.js';
import type { JobEvents } from './job-events.js';
import { JobExecutor } from './job-executor.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LongRuns } from './long-runs.js';
import { Patrol } from './patrol.js';
import { ProgressWriter } from './progress-writer.js';
import { QueueRunner } from './queue-runner.js';
import type { QueueRunnerOptions, QueueSettings } from './runner-tools.js';
import { SuccessReporter, type TellCustomMode } from './success-reporter.js';
import { TroubleLog } from './trouble-log.js';
import { Suspicion } from './suspicion.js';
import { Sweeper } from './sweeper.js';
import { TransactionalRuns } from './transactional-runs.js';

/** What a process that runs jobs is made from. */
export interface EngineRecipe {
  readonly reservations: ReservationStore;
  readonly instances: LeaseStore & SweepStore & SlotStore;
  readonly transactions: TransactionStore;
  readonly handlers: Handlers;
  readonly queues: readonly QueueRunnerOptions[];
  readonly instance: Omit<InstanceInfo, 'id'>;
  readonly newId: () => string;
  readonly leaseMs: number;
  readonly queryTimeoutMs: number;
  readonly sweepIntervalMs: number;
  readonly pollIntervalMs: number;
  readonly maxPayloadSize: number;
  readonly codec: JobCodec | undefined;
  readonly rescue: RescuePolicy;
  readonly retentionsMs: readonly number[];
  readonly askCustomMode: AskCustomMode;
  readonly tellCustomMode: TellCustomMode;
  readonly events: JobEvents;
  readonly isSuspended: (queue: string) => boolean;
  readonly settingsOf: (queue: string) => QueueSettings;
  readonly isListening: () => boolean;
  readonly log: Log;
  readonly logOf: (job: Pick<Job, 'id' | 'name' | 'queue' | 'attempt'>) => JobLog;
}

/** Puts the runtime together. */
export function createEngine(recipe: EngineRecipe): Engine {
  const { reservations, instances, handlers, events, log } = recipe;
  const successes = new SuccessReporter(recipe.tellCustomMode, log);
  const deadlines = new Deadlines();
  const trouble = new TroubleLog(log);
  const progress = new ProgressWriter(reservations, () => lease.instanceId, trouble);
  const callbacks = { onLost: () => engine.loseAll(), onRegained: () => void sweeper.sweep() };
  const lease: LeaseKeeper = new LeaseKeeper(instances, recipe.instance, recipe.newId, recipe.leaseMs, callbacks, log);
  const executor = new JobExecutor(recipe.maxPayloadSize);
  const tools = {
    store: reservations,
    lease,
    handlers,
    ends: {
      settled(id: string): void {
        successes.settled(id);
        events.settled(id);
      },
      lost(id: string, queue: string): void {
        successes.forget(id);
        events.lost(id);
        log.warn(`Job ${id} was no longer held by this process; its outcome here is dropped`, { jobId: id, queue });
      },
      lostAll: () => events.lostAll(),
    },
    executor,
    transactional: new TransactionalRuns({
      store: recipe.transactions,
      executor,
      lease,
      keepMsOf: (queue) => recipe.settingsOf(queue).keepMs.completed,
      lastProgress: (id) => progress.take(id),
      onLeftOpen: () => patrol.suspect(),
      log,
    }),
    failures: new FailureSettler(recipe.askCustomMode, log),
    successes,
    events,
    deadlines,
    progress,
    trouble,
    jobTools: {
      maxPayloadSize: recipe.maxPayloadSize,
      codec: recipe.codec,
      logOf: recipe.logOf,
      saveProgress: progress.save.bind(progress),
    },
    isSuspended: recipe.isSuspended,
    settingsOf: recipe.settingsOf,
    slots: instances,
    onAnswerLost: () => patrol.suspect(),
    onDueIn: (delayMs: number) => sweeper.surveyIn(delayMs),
    onRest: () => sweeper.cameToRest(),
    log,
  };
  const runners = recipe.queues.map((queue) => new QueueRunner(queue, tools));
  const byQueue = new Map(runners.map((runner) => [runner.queue, runner]));
  const patrol: Patrol = new Patrol(instances, byQueue, lease, recipe.rescue, new Suspicion(recipe.queryTimeoutMs), events, trouble, log);
  const groups = new GroupSweep(instances, (queue) => recipe.settingsOf(queue).groups);
  const sweeper: Sweeper = new Sweeper(instances, byQueue, patrol, groups, recipe.isListening, recipe, trouble);
  const longRuns = new LongRuns(instances, runners, lease, trouble);
  const history = new HistoryKeeper(instances, recipe.retentionsMs, log);
  const engine: Engine = new Engine({ runners, lease, sweeper, patrol, longRuns, history, progress, deadlines }, log);
  return engine;
}
