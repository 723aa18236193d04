import { peek } from '../core/peek.js';

/** An error whose message is the whole line that the user sees: what happened, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, ...options }: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** What the user sees of an error; its stack is for those who set DEBUG. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}

/** The same for programs. */
export function errorJson(error: unknown): string {
  return JSON.stringify({ error: { code: peek(error, 'code') ?? peek((error as Error).cause, 'code') ?? 'ERROR', message: oneLine(error) } });
}
