/**
 * What became of the jobs of a trial with many of them: of those that the caller was told are stored, how
 * many have not ended, and where they are; how many ran twice, to the end twice, at the same time twice.
 *
 * @param {import('./trial.mjs').Trial} trial
 */
export async function tally(trial) {
  const left = { waiting: 0, running: 0, failed: 0, gone: 0, completed: 0 };
  const returned = countBy(trial.events('returned'), 'n');
  for (const [n, id] of trial.stored) {
    if (returned.has(n)) continue;
    const { state } = await trial.look('job', [id]);
    if (trial.events('returned', n).length === 0) left[state]++; // else it ended meanwhile
  }
  const runs = runsOf(trial);
  const ids = countBy(unique(trial.events('started'), ({ n, id }) => `${n} ${id}`), 'n');
  const stored = [...trial.refused].filter(([n]) => ids.has(n));
  return {
    'jobs acknowledged': trial.stored.size,
    'enqueues that failed': trial.refused.size,
    'of these stored all the same': stored.length,
    ...(stored.length > 0 && { 'whose callers were told': stored[0][1] }),
    'stored twice by one enqueue': count(ids, 2),
    'lost (no run to the end, and gone)': left.gone + left.completed,
    'still locked at the end': left.running,
    'still waiting at the end': left.waiting,
    failed: left.failed,
    'ran twice': count(countBy(trial.events('started'), 'id'), 2),
    'ran to the end twice': count(countBy(trial.events('returned'), 'n'), 2),
    'ran twice at the same time': overlapping(runs),
    'workers that exited': trial.exits.filter(({ worker }) => worker).length,
    'writers that exited': trial.exits.filter(({ worker }) => !worker).length,
  };
}

/** Every run with its end: its return, or the end of its process. */
export function runsOf(trial) {
  const ends = new Map(trial.events('returned').map(({ ran, at }) => [ran, at]));
  const died = new Map(trial.procs.filter(({ ended }) => ended).map(({ pid, ended }) => [pid, ended.at]));
  return trial.events('started').map(({ id, n, ran, pid, at }) => ({ id, n, pid, from: at, to: ends.get(ran) ?? died.get(pid) ?? Infinity, ended: ends.has(ran) }));
}

/** How many jobs had two runs at a time. */
export function overlapping(runs) {
  return [...byJob(runs).values()].filter((list) => list.some((run, i) => i > 0 && run.from < Math.max(...list.slice(0, i).map(({ to }) => to)))).length;
}

function byJob(runs) {
  const groups = new Map();
  for (const run of runs) groups.set(run.id, [...(groups.get(run.id) ?? []), run]);
  return groups;
}

function countBy(items, key) {
  const counts = new Map();
  for (const item of items) counts.set(item[key], (counts.get(item[key]) ?? 0) + 1);
  return counts;
}

function count(counts, least) {
  return [...counts.values()].filter((number) => number >= least).length;
}

function unique(items, keyOf) {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
