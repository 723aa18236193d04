import ms from 'ms';
import type { InstanceStatus, QueueStatus } from '../../interfaces/job-record.interface.js';
import { readStatus } from '../read-status.js';
import { count, printable } from '../output/text.js';
import { ok, problem, warning, type Check, type Finding } from './finding.js';

/** Whether jobs run: processes, queues that nobody serves, and how long jobs have been due. */
export function checkWork(maxDueMs: number): Check {
  return async ({ database, schema }) => {
    const { queues, instances, version, latestVersion } = await readStatus(database, schema);
    if (version !== latestVersion) return [];
    const alive = instances.filter((instance) => instance.alive);
    return [...checkProcesses(instances, alive), ...checkQueues(queues, alive, maxDueMs)];
  };
}

function checkProcesses(instances: readonly InstanceStatus[], alive: readonly InstanceStatus[]): Finding[] {
  const advice = 'Their jobs run elsewhere within seconds; look at why they died, or lost the database.';
  const silent = instances.filter((instance) => !alive.includes(instance)).map(({ host, pid }) => warning('processes', `Process ${pid} on ${printable(host)} is silent.`, advice));
  const versions = new Set(alive.map((instance) => instance.version));
  if (alive.length === 0) return [...silent, warning('processes', 'No process runs jobs.', 'Start one, unless that is meant.')];
  return [...silent, ok('processes', `${count(alive.length, 'process', 'processes')} of version ${[...versions].map(printable).join(', ')}.`)];
}

function checkQueues(queues: readonly QueueStatus[], alive: readonly InstanceStatus[], maxDueMs: number): Finding[] {
  const findings = queues.flatMap((queue) => checkOne(queue, alive, maxDueMs));
  if (findings.length > 0) return findings;
  const oldestMs = Math.max(0, ...queues.map((queue) => queue.oldestDueMs ?? 0));
  return [ok('jobs', oldestMs > 0 ? `The oldest job that is due has waited for ${ms(Math.round(oldestMs))}.` : 'No job that is due waits.')];
}

function checkOne({ queue, available, suspended, oldestDueMs }: QueueStatus, alive: readonly InstanceStatus[], maxDueMs: number): Finding[] {
  const name = printable(queue);
  const due = `${count(available, 'job')} of queue '${name}' ${available === 1 ? 'waits' : 'wait'}`;
  const oldest = `the oldest has been due for ${ms(Math.round(oldestDueMs ?? 0))}`;
  if (suspended) {
    if (available === 0) return [];
    return [warning('jobs', `${due} because it is suspended; ${oldest}.`, `\`npx notify-queue queues resume ${name}\`, or without the name if all queues are.`)];
  }
  if (oldestDueMs === null) return [];
  if (!alive.some((instance) => instance.queues.includes(queue))) {
    return [problem('jobs', `${due}, and no process runs that queue.`, 'Start a process with a handler of it, or correct the name of the queue.')];
  }
  if (oldestDueMs <= maxDueMs) return [];
  return [problem('jobs', `${due}; ${oldest}.`, 'Add processes or concurrency, or look for slow handlers and for jobs without a handler.')];
}
