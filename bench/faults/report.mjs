/**
 * A table for each fault: what was seen, by contender. Of several runs, numbers are the median and the
 * greatest, texts each one that occurred and how often.
 */
export function markdown(environment, results) {
  const faults = [...new Set(results.map(({ fault }) => fault))];
  const head = `# Faults\n\n\`\`\`json\n${JSON.stringify(environment, undefined, 1)}\n\`\`\`\n`;
  return `${head}${faults.map((fault) => section(fault, results.filter((result) => result.fault === fault))).join('')}`;
}

function section(fault, results) {
  const contenders = [...new Set(results.map(({ contender }) => contender))];
  const keys = [...new Set(results.flatMap(({ seen }) => Object.keys(seen)))];
  const of = (contender) => results.filter((result) => result.contender === contender);
  const row = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |\n`;
  const lines = keys.map((key) => row([key, ...contenders.map((contender) => summary(of(contender).map(({ seen }) => seen[key])))]));
  return `\n## ${fault}\n\n${row(['', ...contenders.map((contender) => `${contender} (${of(contender).length})`)])}${row(['---', ...contenders.map(() => '---')])}${lines.join('')}`;
}

function summary(values) {
  const present = values.filter((value) => value !== undefined);
  if (present.length === 0) return '';
  const numbers = present.filter((value) => typeof value === 'number').sort((a, b) => a - b);
  if (numbers.length < present.length) {
    const counts = new Map();
    for (const value of present) counts.set(value, (counts.get(value) ?? 0) + 1);
    return [...counts].map(([value, times]) => (times === values.length ? value : `${value} (${times}x)`)).join('; ');
  }
  const median = numbers[Math.floor((numbers.length - 1) / 2)];
  return numbers.at(-1) === median ? `${median}` : `${median}, at worst ${numbers.at(-1)}`;
}
