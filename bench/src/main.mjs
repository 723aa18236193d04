import { describeEnvironment } from './environment.mjs';
import { parseOptions, USAGE } from './options.mjs';
import { assertBuilt } from './package-root.mjs';
import { barsOf } from './report/bars.mjs';
import { JsonLines } from './report/json-lines.mjs';
import { plainTable, tableOf } from './report/table.mjs';
import { runCases } from './runner.mjs';
import { scenarios } from './scenarios/index.mjs';
import { Postgres } from './servers/postgres.mjs';

/** @param {string[]} args */
export async function main(args) {
  let options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${error.message}\n\n${USAGE}`);
    process.exitCode = 2;
    return;
  }
  if (!options) return console.log(USAGE);
  assertBuilt();
  const postgres = await Postgres.start();
  // The server ends with this process, and so do the contenders: see where they are started.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  try {
    await run(options, postgres);
  } finally {
    await postgres.stop();
  }
}

async function run(options, postgres) {
  const output = new JsonLines(options.json);
  const environment = await describeEnvironment(postgres);
  output.write('environment', { ...environment, options: { ...options, json: undefined } });
  printEnvironment(environment);
  /** Versions and settings, each of them once. */
  const about = new Set();
  const all = new Map();
  for (const scenario of options.scenarios) {
    const { title, cases } = scenarios[scenario];
    const chosen = cases(options).filter(({ name }) => isChosen(name, options));
    console.log(`\n# ${scenario}: ${title}`);
    const summaries = await runCases(scenario, chosen, {
      options,
      postgres,
      onRun(result) {
        output.write('run', result);
        process.stderr.write(progressOf(result));
        if (result.version) about.add(JSON.stringify([result.contender, result.version, JSON.stringify(result.settings)]));
      },
    });
    await postgres.dropTemplates();
    for (const item of chosen) {
      const rows = summaries.get(item.name);
      console.log(`\n${item.name}${item.baseline ? ` (baseline: ${item.baseline})` : ''}`);
      console.log(tableOf(item, rows));
      for (const row of rows) output.write('median', { scenario, case: item.name, runs: options.runs, ...row });
      all.set(`${scenario}: ${item.name}`, rows);
    }
  }
  console.log(`\nVersions and settings\n${plainTable(['', '', ''], [...about].map((line) => JSON.parse(line)))}`);
  const bars = barsOf(all);
  if (bars.length > 0) console.log(`\nWhat it must reach\n${plainTable(['', 'bar', 'reached', ''], bars)}`);
  for (const [name, bar, reached, met] of bars) output.write('bar', { name, bar, reached, met });
}

function isChosen(name, { cases }) {
  return cases.length === 0 || cases.some((text) => name.includes(text));
}

function printEnvironment({ machine, node, postgres, redis, package: measured }) {
  const { cores, processor, memoryGiB, kernel } = machine;
  console.log(`nestjs-notify-queue ${measured.version} (${measured.commit ?? 'no commit'}), Node ${node}`);
  console.log(`${cores} cores, ${processor}, ${memoryGiB} GiB, ${kernel}`);
  console.log(`PostgreSQL ${postgres.version}, Redis ${redis?.version ?? 'not found'}`);
  console.log(Object.entries(postgres.settings).map(([key, value]) => `${key} = ${value}`).join(', '));
}

function progressOf({ case: name, contender, round, figures, error }) {
  const text = figures ? Object.entries(figures).map(([key, value]) => `${key} ${round2(value)}`).join(' ') : error;
  return `  ${round} ${name} | ${contender} | ${text}\n`;
}

function round2(value) {
  return value === undefined ? '-' : Math.round(value * 100) / 100;
}
