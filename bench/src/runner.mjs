import { contenders } from './contenders.mjs';
import { ContenderRun } from './contender-run.mjs';
import { summarise } from './report/statistics.mjs';
import { redisVersion } from './servers/redis.mjs';

/** The longest that one run may take, tables and backlog included. */
const RUN_SECONDS = 2 * 3_600;
const NO_REDIS = 'no redis-server in PATH';

/**
 * Runs the cases of a scenario: in each round every case, and in it every contender in turn, so that
 * whatever the machine does meanwhile hits all of them alike.
 *
 * @param {string} scenario
 * @param {import('./scenarios/index.mjs').Case[]} cases
 * @param {{ options: import('./options.mjs').Options, postgres: any, onRun: (run: object) => void }} tools
 */
export async function runCases(scenario, cases, { options, postgres, onRun }) {
  /** @type {Map<string, object[]>} */
  const results = new Map();
  for (let round = 1; round <= options.runs; round++) {
    for (const item of cases) {
      for (const contender of item.contenders.filter((name) => options.contenders.includes(name))) {
        const result = await runOnce(item, contender, postgres);
        const key = `${item.name} ${contender}`;
        results.set(key, [...(results.get(key) ?? []), result]);
        onRun({ scenario, case: item.name, contender, round, ...result });
      }
    }
  }
  return summaries(cases, options.contenders, (item, contender) => results.get(`${item.name} ${contender}`) ?? []);
}

async function runOnce(item, contender, postgres) {
  if (contenders[contender].server === 'redis' && !redisVersion()) return { error: NO_REDIS };
  let run;
  try {
    run = await ContenderRun.open(contender, postgres, item.plan);
    const figures = await capped(item.measure(run));
    return { figures, ...run.about };
  } catch (error) {
    return { error: error.message, ...run?.about };
  } finally {
    await run?.close();
  }
}

async function capped(work) {
  let timer;
  const cap = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the run took longer than ${RUN_SECONDS} s`)), RUN_SECONDS * 1_000);
  });
  try {
    return await Promise.race([work, cap]);
  } finally {
    clearTimeout(timer);
  }
}

/** @returns {Map<string, import('./report/table.mjs').Row[]>} rows by the name of the case */
function summaries(cases, chosen, resultsOf) {
  const medianOf = (name, contender) => {
    const item = cases.find((other) => other.name === name);
    // What it is compared with may not have been chosen.
    if (!item) return undefined;
    const key = item.columns[0].key;
    return summarise(resultsOf(item, contender).map(({ figures }) => figures?.[key]))?.median;
  };
  const rowOf = (item, contender) => {
    const results = resultsOf(item, contender);
    const figures = results.flatMap((result) => (result.figures ? [result.figures] : []));
    const summary = item.columns.map(({ key }) => [key, summarise(figures.map((figure) => figure[key]))]);
    const median = medianOf(item.name, contender);
    return {
      contender,
      figures: Object.fromEntries(summary.filter(([, value]) => value)),
      toOurs: median / medianOf(item.name, 'ours'),
      toBaseline: item.baseline && median / medianOf(item.baseline, contender),
      note: noteOf(results),
    };
  };
  return new Map(
    cases.map((item) => [
      item.name,
      item.contenders.filter((name) => chosen.includes(name)).map((contender) => rowOf(item, contender)),
    ]),
  );
}

function noteOf(results) {
  const errors = results.flatMap(({ error }) => (error ? [error] : []));
  const stopped = results.flatMap(({ figures }) => (figures?.stoppedAfter ? [figures.stoppedAfter] : []));
  if (errors.length > 0) return `${errors.length} of ${results.length} runs failed: ${errors[0].split('\n')[0].slice(0, 120)}`;
  if (stopped.length > 0) return `time was up after ${Math.round(summarise(stopped).median).toLocaleString('en')} jobs`;
  return undefined;
}
