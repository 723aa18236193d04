import { OptionReader } from '../core/option-reader.js';

/**
 * What a fake queue does with jobs:
 *
 * - `'fake'` records them and runs nothing;
 * - `'inline'` runs each that is due at its enqueue, before that resolves, and in the caller's transaction where it has one;
 * - `'manual'` runs them when the test calls `runNext`, `drain`.
 */
export type TestMode = 'fake' | 'inline' | 'manual';

export interface TestQueueOptions {
  /** @default 'manual' */
  mode?: TestMode;
}

/** @throws InvalidOptionError */
export function readTestMode(mode: unknown): TestMode {
  return new OptionReader({ mode }, 'testing').oneOf('mode', 'manual', ['fake', 'inline', 'manual']);
}
