// Draws a progress bar into one line of a terminal; prints plain lines where there is none.

const WIDTH = 28;

export class ProgressLine {
  constructor(private readonly output: NodeJS.WriteStream = process.stdout) {}

  get everyMs(): number {
    return this.output.isTTY ? 200 : 1_000;
  }

  update(share: number, text: string): void {
    const filled = Math.round(Math.min(share, 1) * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    this.output.write(this.output.isTTY ? `\r\x1b[2K${bar}  ${text}` : `${text}\n`);
  }

  /** Replaces the bar by a last text, or only removes it. */
  end(text: string): void {
    if (this.output.isTTY) {
      this.output.write('\r\x1b[2K');
    }
    if (text) {
      this.output.write(`${text}\n`);
    }
  }
}
