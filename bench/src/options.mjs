import { parseArgs } from 'node:util';
import { contenders } from './contenders.mjs';
import { scenarios } from './scenarios/index.mjs';

export const USAGE = `npm run bench -- [scenario...] [options]

Scenarios: ${Object.keys(scenarios).join(', ')}; none means all of them.

  --peers              run every peer too, in its default and in its best setting
  --contenders a,b     run exactly these: ${Object.keys(contenders).join(', ')}
  --cases text,text    run only cases whose name contains one of these texts
  --runs N             runs of each contender, in turn; 5 by default
  --json FILE          append every run and every median to this file, a JSON object a line
  --full               add 500,000 jobs waiting to \`process\`
  --quick              small counts and short times: shows that it works, not how fast it is

DATABASE_URL names a PostgreSQL server to use instead of an embedded one; the role must be allowed
to create databases. BENCH_PACKAGE_ROOT names another built copy of the package.`;

/**
 * @typedef {object} Options
 * @property {string[]} scenarios
 * @property {string[]} contenders
 * @property {string[]} cases
 * @property {number} runs
 * @property {string | undefined} json
 * @property {boolean} full
 * @property {boolean} quick
 */

/**
 * @param {string[]} args
 * @returns {Options | undefined} undefined when only the usage is asked for
 * @throws Error with what is wrong
 */
export function parseOptions(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      peers: { type: 'boolean', default: false },
      contenders: { type: 'string' },
      cases: { type: 'string' },
      runs: { type: 'string', default: '5' },
      json: { type: 'string' },
      full: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) throw new Error(`--runs must be a whole number from 1: ${values.runs}`);
  const all = Object.keys(contenders).filter((name) => values.peers || !contenders[name].peer);
  return {
    scenarios: known('scenario', positionals, Object.keys(scenarios)) ?? Object.keys(scenarios),
    contenders: known('contender', list(values.contenders), Object.keys(contenders)) ?? all,
    cases: list(values.cases),
    runs,
    json: values.json,
    full: values.full,
    quick: values.quick,
  };
}

/** @param {string | undefined} text */
function list(text) {
  return text ? text.split(',').map((part) => part.trim()) : [];
}

/**
 * @param {string} kind
 * @param {string[]} names
 * @param {string[]} allowed
 */
function known(kind, names, allowed) {
  for (const name of names) {
    if (!allowed.includes(name)) throw new Error(`There is no ${kind} '${name}', only ${allowed.join(', ')}`);
  }
  return names.length > 0 ? names : undefined;
}
