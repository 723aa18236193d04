/** An error whose message is the whole line that the user sees: what happened, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
}

/** What the user sees of an error; its stack is for those who set DEBUG. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
