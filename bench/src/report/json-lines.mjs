import { appendFileSync } from 'node:fs';

/** Appends objects to a file, one a line, as they come; or does nothing without a file. */
export class JsonLines {
  /** @param {string | undefined} file */
  constructor(file) {
    this.file = file;
  }

  /** @param {string} kind @param {object} content */
  write(kind, content) {
    if (this.file) appendFileSync(this.file, `${JSON.stringify({ kind, at: new Date().toISOString(), ...content })}\n`);
  }
}
