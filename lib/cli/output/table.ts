import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import { style } from './style.js';

/** On a terminal with lines around it; elsewhere in columns that other programs can cut. */
export function table(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  if (!process.stdout.isTTY) return columns(head, rows);
  const drawn = new Table({ head: head.map((title) => style('bold', title)), style: { head: [], border: ['gray'], compact: true } });
  drawn.push(...rows.map((row) => [...row]));
  return drawn.toString();
}

/** Padded to the widest cell. */
function columns(head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const width = (cell: string): number => stripVTControlCharacters(cell).length;
  const widths = head.map((title, column) => Math.max(width(title), ...rows.map((row) => width(row[column] ?? ''))));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd();
  return [head, ...rows].map(line).join('\n');
}
