import type { Failure, FailureDecision, FailureModeSpec } from '../interfaces/failure-mode.interface.js';
import { encodeJson } from './json.js';
import { parseDuration } from './duration.js';
import { stagesOf } from './failure-modes.js';
import { isName } from './names.js';

const MAX_MOVES = 10;
const MAX_STATE_SIZE = 64 * 1024;

/** What is stored with a job between its failures: where it stands in the chain of its failure mode. */
export interface FailureState {
  readonly stage: number;
  readonly retries: number;
  readonly state?: unknown;
  /** How often failure modes have moved the job. */
  readonly moves?: number;
}

/** What a failed run comes to, with every delay and state checked. */
export type FailureVerdict =
  | { readonly kind: 'retry'; readonly delayMs: number; readonly failureState: FailureState }
  | { readonly kind: 'move'; readonly queue: string; readonly failureState: FailureState }
  | { readonly kind: 'abandon' };

export interface FailureTools {
  /** Runs a custom mode by its class name. */
  readonly custom: (className: string, failure: Failure) => FailureDecision | Promise<FailureDecision>;
  /** A number from 0 to 1, for jitter. */
  readonly random: () => number;
}

/**
 * Walks the failure chain of a job from where it stands: the stage asked decides, or halts and
 * hands over to the next one; past the last one the job is abandoned.
 *
 * @throws whatever a custom mode or `decide` function throws, TypeError for an answer that is none,
 * UnstorableValueError for a state that JSON cannot hold, ValueTooLargeError for one of more than 64 KiB
 */
export async function decideFailure(
  mode: FailureModeSpec,
  failure: Omit<Failure, 'retries' | 'state'>,
  stored: FailureState | null,
  tools: FailureTools,
): Promise<FailureVerdict> {
  const stages = stagesOf(mode);
  // Rows are written by hand at times: a state that makes no sense counts as none.
  let position = stored && isPosition(stored) ? stored : { stage: 0, retries: 0 };
  for (; position.stage < stages.length; position = { stage: position.stage + 1, retries: 0, moves: position.moves }) {
    const stage = stages[position.stage] as FailureModeSpec;
    const { retries, state } = position;
    // Only who is given the whole failure has its payload read, which may fail.
    const decision = await ask(stage, { retries, retryDelayMs: failure.retryDelayMs }, () => ({ ...failure, retries, state }), tools);
    if (decision !== 'halt') return toVerdict(decision, position, failure.queue);
  }
  return { kind: 'abandon' };
}

function isPosition({ stage, retries, moves = 0 }: FailureState): boolean {
  return [stage, retries, moves].every((count) => Number.isInteger(count) && count >= 0);
}

function ask(
  stage: FailureModeSpec,
  { retries, retryDelayMs }: Pick<Failure, 'retries' | 'retryDelayMs'>,
  whole: () => Failure,
  tools: FailureTools,
): FailureDecision | Promise<FailureDecision> {
  switch (stage.mode) {
    case 'abandon':
      return 'abandon';
    case 'move':
      return { moveTo: stage.queue };
    case 'custom':
      return tools.custom(stage.className, whole());
    case 'retry':
      if (retries >= stage.times) return 'halt';
      return stage.decide ? stage.decide(whole()) : { retryIn: stage.delayMs ?? retryDelayMs };
    case 'exponential-retry': {
      if (retries >= stage.times) return 'halt';
      const whole = Math.min(Math.round(stage.base ** retries - 1) * 1_000, stage.maxDelayMs);
      return { retryIn: stage.jitter ? Math.round(whole * (0.5 + tools.random() / 2)) : whole };
    }
  }
}

function toVerdict(decision: Exclude<FailureDecision, 'halt'>, position: FailureState, queue: string): FailureVerdict {
  if (decision === 'abandon') return { kind: 'abandon' };
  if (typeof decision === 'object' && decision !== null) {
    if ('moveTo' in decision && isName(decision.moveTo)) {
      // A job that fails wherever it is moved to would go round for ever.
      const moves = position.moves ?? 0;
      if (decision.moveTo === queue || moves >= MAX_MOVES) return { kind: 'abandon' };
      return { kind: 'move', queue: decision.moveTo, failureState: { stage: 0, retries: 0, moves: moves + 1 } };
    }
    const delayMs = 'retryIn' in decision ? parseDuration(decision.retryIn) : undefined;
    if (delayMs !== undefined && 'retryIn' in decision) {
      const state = toState(decision.state);
      return { kind: 'retry', delayMs, failureState: { ...position, retries: position.retries + 1, state } };
    }
  }
  throw new TypeError(
    "A failure mode must answer { retryIn: duration, state? }, { moveTo: queue }, 'abandon' or 'halt'",
  );
}

/** The state as it will be read back. */
function toState(state: unknown): unknown {
  if (state === undefined) return undefined;
  return JSON.parse(encodeJson(state, 'state', MAX_STATE_SIZE, 'Keep only what the next decision needs.'));
}
