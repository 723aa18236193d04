import ms from 'ms';
import type { InstanceStatus, QueueStatus } from '../interfaces/job-record.interface.js';
import { style } from './output/style.js';
import { table } from './output/table.js';
import { printable } from './output/text.js';

/** Shown only where there are such jobs. */
const RARE_STATES = ['held', 'blocked'] as const;

/** A table of queues, those included that only processes know. */
export function listQueues(queues: readonly QueueStatus[], instances: readonly InstanceStatus[]): string {
  const alive = instances.filter((instance) => instance.alive);
  const byName = new Map(queues.map((queue) => [queue.queue, queue]));
  const names = [...new Set([...byName.keys(), ...alive.flatMap((instance) => instance.queues)])].sort();
  if (names.length === 0) return 'No unfinished jobs.';
  const rare = RARE_STATES.filter((state) => queues.some((queue) => queue[state] > 0));
  const rows = names.map((name) => {
    const queue = byName.get(name);
    const processes = alive.filter((instance) => instance.queues.includes(name)).length;
    return [
      printable(name),
      String(queue?.available ?? 0),
      String(queue?.scheduled ?? 0),
      ...rare.map((state) => String(queue?.[state] ?? 0)),
      String(queue?.reserved ?? 0),
      queue?.oldestDueMs == null ? '-' : ms(Math.round(queue.oldestDueMs)),
      processes === 0 ? style('yellow', 'nobody') : String(processes),
      queue?.suspended ? style('yellow', 'suspended') : '',
    ];
  });
  return table(['queue', 'available', 'scheduled', ...rare, 'running', 'oldest due', 'processes', ''], rows);
}

/** A table of processes. */
export function listInstances(instances: readonly InstanceStatus[]): string {
  if (instances.length === 0) return 'No process runs jobs.';
  const rows = instances.map((instance) => [
    `${printable(instance.host)} (${instance.pid})`,
    printable(instance.version),
    instance.alive ? style('green', 'alive') : style('red', 'silent'),
    String(Object.values(instance.running).reduce((sum, jobs) => sum + jobs, 0)),
    instance.queues.map(printable).join(', '),
  ]);
  return table(['process', 'version', '', 'running', 'queues'], rows);
}
