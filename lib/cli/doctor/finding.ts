import type { Database } from '../../store/database.js';

/** What a check came to. */
export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warning' | 'problem';
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
}

/** What checks look at. */
export interface Patient {
  readonly database: Database;
  readonly url: string;
  readonly schema: string;
}

export type Check = (patient: Patient) => Promise<Finding[]>;

export const ok = (check: string, text: string): Finding => ({ check, level: 'ok', text });
export const warning = (check: string, text: string, advice: string): Finding => ({ check, level: 'warning', text, advice });
export const problem = (check: string, text: string, advice: string): Finding => ({ check, level: 'problem', text, advice });
