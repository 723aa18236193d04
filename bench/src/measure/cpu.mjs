import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in ticks of this many milliseconds. */
const TICK_MS = 10;

/**
 * Processor milliseconds that a process, its children and those of them that have ended have used.
 *
 * @param {number | undefined} pid
 * @returns {number | undefined} undefined where /proc can't tell
 */
export function treeCpuMs(pid) {
  if (pid === undefined) return undefined;
  const root = stat(pid);
  if (!root) return undefined;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => stat(Number(name)))
    .filter((process) => process?.parent === pid);
  const ticks = children.reduce((sum, child) => sum + child.own, root.own + root.ended);
  return ticks * TICK_MS;
}

/** @param {NodeJS.CpuUsage | undefined} cpu */
export function cpuUs(cpu) {
  return cpu ? cpu.user + cpu.system : 0;
}

/** @param {number} pid */
function stat(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined; // it has ended, or this is not Linux
  }
  // The name in parentheses may hold anything; what follows it is numbers.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system, endedUser, endedSystem] = [1, 11, 12, 13, 14].map((index) => Number(fields[index]));
  return { parent, own: user + system, ended: endedUser + endedSystem };
}
