import type { KeepMs, Rate, ReservationStore, SlotStore } from '../interfaces/ports/index.js';
import type { RunTools } from './job-runs.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { ProgressWriter } from './progress-writer.js';
import type { TroubleLog } from './trouble-log.js';

export interface QueueRunnerOptions {
  readonly queue: string;
  /** After so many crashes of its process a job is abandoned. */
  readonly maxCrashes: number;
  /** Config keys that suspend this queue. */
  readonly suspensionKeys: readonly string[];
}

/** What may change while the queue runs. */
export interface QueueSettings {
  /** Jobs that run at once here. */
  readonly concurrency: number;
  /** Jobs that run at once in all processes. */
  readonly globalConcurrency: number | undefined;
  readonly rate: Rate | undefined;
  /** JSON text of what its groups may do. */
  readonly groups: string;
  readonly hasGroupRate: boolean;
  readonly keepMs: KeepMs;
}

/** Who is told what became of runs that had ended. */
export interface RunEnds {
  /** It is committed. */
  settled(id: string): void;
  /** It was dropped: another process holds the job. */
  lost(id: string, queue: string): void;
  /** All that is not committed yet is dropped. */
  lostAll(): void;
}

/** What all runners of a process share. */
export interface RunnerTools extends RunTools {
  readonly store: ReservationStore;
  readonly lease: LeaseKeeper;
  readonly progress: ProgressWriter;
  readonly ends: RunEnds;
  readonly trouble: TroubleLog;
  readonly isSuspended: (queue: string) => boolean;
  readonly settingsOf: (queue: string) => QueueSettings;
  readonly slots: SlotStore;
  /** The database may have given jobs to this process whose answer was lost. */
  readonly onAnswerLost: () => void;
  /** A job of this process will be due in so many milliseconds. */
  readonly onDueIn: (delayMs: number) => void;
  /** A queue found nothing more to reserve. */
  readonly onRest: () => void;
}
