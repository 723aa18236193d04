import { createInterface } from 'node:readline/promises';
import { CliError } from '../cli-error.js';

/** Asks before something that cannot be taken back. @throws CliError when the answer is no, or when nobody can be asked */
export async function confirm(question: string, yes: boolean): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new CliError(`${question} Pass --yes to do it.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CliError('Nothing was done.');
  } finally {
    terminal.close();
  }
}
