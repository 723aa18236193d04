import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { FailureModeSpec } from '../interfaces/failure-mode.interface.js';
import type { SuccessModeSpec } from '../interfaces/success-mode.interface.js';
import { stagesOf, toFailureModeSpec } from './failure-modes.js';
import type { OptionReader } from './option-reader.js';
import { toSuccessModeSpec } from './success-modes.js';

/** `RunOptions` with everything resolved; what is not set is left to the next wider scope. */
export interface RunSettings {
  readonly maxJobTimeMs?: number;
  readonly abortGraceMs?: number;
  readonly failureMode?: FailureModeSpec;
  readonly successMode?: SuccessModeSpec;
}

/** @throws InvalidOptionError */
export function readRunOptions(reader: OptionReader): RunSettings {
  const failureMode = reader.raw('failureMode');
  const successMode = reader.raw('successMode');
  const maxJobTimeMs = reader.duration('maxJobTime', 0, 1);
  const abortGraceMs = reader.duration('abortGrace', Number.NaN);
  return {
    maxJobTimeMs: maxJobTimeMs || undefined,
    abortGraceMs: Number.isNaN(abortGraceMs) ? undefined : abortGraceMs,
    failureMode: failureMode === undefined ? undefined : toFailureModeSpec(reader.name('failureMode'), failureMode),
    successMode: successMode === undefined ? undefined : toSuccessModeSpec(reader.name('successMode'), successMode),
  };
}

/**
 * Run options of one enqueue, what travels with the job, its tags, and the version of its payload unless that is 1, as JSON text to be stored with it; null when there is none of them.
 *
 * @throws InvalidOptionError for a `decide` function, which cannot be stored
 */
export function encodeRunSettings(settings: RunSettings, contextJson?: string, payloadVersion = 1, tags?: readonly string[]): string | null {
  const { maxJobTimeMs, abortGraceMs, failureMode, successMode } = settings;
  const isSet = [maxJobTimeMs, abortGraceMs, failureMode, successMode, tags].some((value) => value !== undefined);
  if (!isSet && payloadVersion === 1) {
    return contextJson === undefined ? null : `{"context":${contextJson}}`;
  }
  for (const stage of failureMode ? stagesOf(failureMode) : []) {
    if (stage.mode === 'retry' && stage.decide) {
      throw new InvalidOptionError(
        'enqueue.failureMode',
        stage.decide,
        'a mode without a decide function, which cannot be stored with a job; set it on the definition or use a class',
      );
    }
  }
  const version = payloadVersion === 1 ? undefined : payloadVersion;
  return JSON.stringify({ maxJobTimeMs, abortGraceMs, failureMode, successMode, payloadVersion: version, tags, context: contextJson && JSON.parse(contextJson) });
}

/** What `encodeRunSettings` wrote; of what somebody else wrote, the part that can be used. */
export function decodeRunSettings(text: string | null): RunSettings {
  const settings: unknown = text === null ? {} : JSON.parse(text);
  if (typeof settings !== 'object' || settings === null) return {};
  const { maxJobTimeMs, abortGraceMs, failureMode, successMode } = settings as RunSettings;
  return {
    maxJobTimeMs: typeof maxJobTimeMs === 'number' && maxJobTimeMs > 0 ? maxJobTimeMs : undefined,
    abortGraceMs: typeof abortGraceMs === 'number' && abortGraceMs >= 0 ? abortGraceMs : undefined,
    failureMode: typeof failureMode?.mode === 'string' ? failureMode : undefined,
    successMode: typeof successMode?.mode === 'string' ? successMode : undefined,
  };
}

/** What travels with the job, in the text that `encodeRunSettings` wrote. */
export function decodeContext(text: string | null): Readonly<Record<string, unknown>> {
  const { context } = parse(text);
  return typeof context === 'object' && context !== null ? (context as Record<string, unknown>) : NOTHING;
}

/** The version of the payload, in the text that `encodeRunSettings` wrote; of what somebody else wrote, 1. */
export function decodePayloadVersion(text: string | null): number {
  const { payloadVersion } = parse(text);
  return typeof payloadVersion === 'number' && Number.isInteger(payloadVersion) && payloadVersion >= 1 ? payloadVersion : 1;
}

/** The tags, in the text that `encodeRunSettings` wrote. */
export function decodeTags(text: string | null): readonly string[] {
  return toTags(parse(text).tags);
}

/** Of what somebody wrote by SQL, the part that can be tags. */
export function toTags(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((tag) => typeof tag === 'string') : [];
}

function parse(text: string | null): { readonly context?: unknown; readonly payloadVersion?: unknown; readonly tags?: unknown } {
  return (text === null ? undefined : JSON.parse(text)) ?? NOTHING;
}

const NOTHING = Object.freeze({});
