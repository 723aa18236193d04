import { styleText } from 'node:util';
import type { JobState } from '../../interfaces/job-record.interface.js';

type Format = Parameters<typeof styleText>[0];

/** Colours a text where standard output is a terminal that shows colours, and NO_COLOR is not set. */
export function style(format: Format, text: string): string {
  return process.stdout.isTTY && process.stdout.hasColors?.() && !process.env['NO_COLOR'] ? styleText(format, text) : text;
}

const COLOURS: Record<JobState, Format> = {
  scheduled: 'blue',
  available: 'cyan',
  blocked: 'magenta', held: 'magenta',
  reserved: 'yellow',
  completed: 'green',
  abandoned: 'red',
  cancelled: 'gray',
};

export function styleState(state: JobState): string {
  return style(COLOURS[state], state);
}
