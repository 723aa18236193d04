import Table from 'cli-table3';

const NO_COLOURS = { head: [], border: [] };

/**
 * @param {import('../scenarios/index.mjs').Case} item
 * @param {Row[]} rows
 *
 * @typedef {object} Row of one contender
 * @property {string} contender
 * @property {Record<string, { median: number, min: number, max: number }>} figures
 * @property {number} [toOurs] its figure divided by that of ours
 * @property {number} [toBaseline] its figure divided by its own of the baseline
 * @property {string} [note] why there is no figure, or what to know about it
 */
export function tableOf(item, rows) {
  const columns = item.columns.filter(({ key }, index) => index === 0 || rows.some((row) => row.figures[key]));
  const ratios = ['/ ours', ...(item.baseline ? ['/ baseline'] : [])];
  const [main, ...others] = columns.map(({ label }) => label);
  const table = new Table({
    head: ['', main, ...ratios, ...others, ''],
    style: NO_COLOURS,
    colAligns: ['left', ...Array(columns.length + ratios.length).fill('right'), 'left'],
  });
  for (const { contender, figures, toOurs, toBaseline, note } of rows) {
    const [first, ...rest] = columns.map((column) => cell(column, figures[column.key]));
    table.push([contender, first, ...[toOurs, toBaseline].slice(0, ratios.length).map(ratio), ...rest, note ?? '']);
  }
  return table.toString();
}

/** A table of lines of text. @param {string[]} head @param {string[][]} lines */
export function plainTable(head, lines) {
  const table = new Table({ head, style: NO_COLOURS });
  table.push(...lines);
  return table.toString();
}

function cell({ digits }, summary) {
  if (!summary) return '-';
  const { median, min, max } = summary;
  const text = (value) => value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text(min) === text(max) ? text(median) : `${text(median)} (${text(min)}-${text(max)})`;
}

export function ratio(value) {
  return value === undefined || !Number.isFinite(value) ? '-' : value.toFixed(value < 10 ? 2 : 0);
}
