import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assertBuilt } from '../src/package-root.mjs';
import { redisVersion } from '../src/servers/redis.mjs';
import { describe } from './environment.mjs';
import { markdown } from './report.mjs';
import { PostgresServer } from './servers/postgres.mjs';
import { RedisServer } from './servers/redis.mjs';
import { Trial } from './trial.mjs';

const CONTENDERS = ['ours', 'bullmq', 'pg-boss', 'graphile-worker'];
const FILES = ['01-stopped', '02-outage', '03-listener', '05-lost-answers', '06-killed', '07-killed-connections', '08-nasty', '09-isolation', '10-unique'];
const USAGE = `npm run bench:faults -- [contender...] [fault...] [--only TEXT] [--runs N] [--out FILE]

Contenders: ${CONTENDERS.join(', ')}. Faults: 1 to 10. None means all.
--only TEXT faults whose title contains it
--runs N   instead of the number of each fault
--out FILE writes FILE.json and FILE.md; into the directory for temporary files by default`;

/** @param {string[]} args */
export async function main(args) {
  const options = { only: { type: 'string', default: '' }, runs: { type: 'string' }, out: { type: 'string', default: join(tmpdir(), 'notify-queue-faults') }, help: { type: 'boolean' } };
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
  const numbers = positionals.filter((text) => /^\d+$/.test(text));
  const names = positionals.filter((text) => CONTENDERS.includes(text));
  if (values.help || numbers.length + names.length < positionals.length) return console.log(USAGE);
  assertBuilt();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const faults = (await Promise.all(FILES.map((file) => import(join(import.meta.dirname, 'faults', `${file}.mjs`))))).flatMap((file) => file.default);
  const chosen = faults.filter(({ title }) => title.includes(values.only) && (numbers.length === 0 || numbers.includes(title.split(':')[0])));
  const postgres = await PostgresServer.start();
  const results = [];
  const write = async () => {
    const environment = await describe();
    writeFileSync(`${values.out}.json`, `${JSON.stringify({ environment, results }, undefined, 1)}\n`);
    writeFileSync(`${values.out}.md`, markdown(environment, results));
  };
  try {
    for (const fault of chosen) {
      for (const name of names.length > 0 ? names : CONTENDERS) {
        const reason = whyNot(name, fault);
        if (reason) console.log(`${fault.title} | ${name} | left out: ${reason}`);
        for (let run = 1; !reason && run <= Number(values.runs ?? fault.runs); run++) {
          const server = name === 'bullmq' ? new RedisServer() : postgres;
          const seen = await attempt(name, server, fault);
          console.log(`${fault.title} | ${name} | ${run} | ${JSON.stringify(seen)}`);
          results.push({ fault: fault.title, contender: name, options: fault.options, run, at: new Date().toISOString(), seen });
          await write();
        }
      }
    }
    console.log(`Written: ${values.out}.json, ${values.out}.md`);
  } finally {
    await postgres.stop();
  }
}

function whyNot(name, fault) {
  if (name !== 'bullmq') return undefined;
  if (fault.needs === 'postgres') return 'Redis has nothing like it';
  return redisVersion() ? undefined : 'there is no redis-server in PATH';
}

async function attempt(name, server, fault) {
  let trial;
  try {
    trial = await Trial.open(name, server, fault.options, fault.prepare);
    const seen = await fault.run(trial);
    const exit = trial.exits.find(({ worker }) => worker);
    return { ...seen, ...(exit && { 'it exited with': `${exit.signal ?? exit.code}, ${exit.over ?? /^\w*error: .*$/im.exec(exit.stderr)?.[0] ?? exit.stderr.slice(-200)}` }) };
  } catch (error) {
    return { 'the trial failed': String(error.stack ?? error).slice(0, 600) };
  } finally {
    await trial?.close();
  }
}
