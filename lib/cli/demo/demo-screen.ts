import { cursorTo, moveCursor, clearScreenDown } from 'node:readline';
import type { Status } from '../../interfaces/job-record.interface.js';
import { table } from '../output/table.js';
import { style } from '../output/style.js';
import type { DemoFigures } from './demo-figures.js';

/** Draws over what it has drawn before; elsewhere than on a terminal it adds a line. */
export class DemoScreen {
  private height = 0;

  constructor(private readonly json: boolean) {}

  get isDrawn(): boolean {
    return process.stdout.isTTY && !this.json;
  }

  show(figures: DemoFigures, { queues }: Status): void {
    if (this.json) return void process.stdout.write(`${JSON.stringify({ ...figures, queues })}\n`);
    if (!this.isDrawn) return void process.stdout.write(`${lineOf(figures)}\n`);
    const rows = queues.map(({ queue, available, scheduled, reserved }) => [queue, String(available), String(scheduled), String(reserved)]);
    this.draw(`${table(['queue', 'available', 'scheduled', 'running'], rows)}\n${lineOf(figures)}\n${style('gray', 'Ctrl-C ends it')}\n`);
  }

  private draw(text: string): void {
    moveCursor(process.stdout, 0, -this.height);
    cursorTo(process.stdout, 0);
    clearScreenDown(process.stdout);
    process.stdout.write(text);
    this.height = text.split('\n').length - 1;
  }
}

function lineOf({ enqueued, completed, retried, abandoned, rate, waitMs }: DemoFigures): string {
  return `${rate} jobs/s, half of them start within ${waitMs} ms; ${enqueued} enqueued, ${completed} completed, ${retried} retried, ${abandoned} abandoned`;
}
