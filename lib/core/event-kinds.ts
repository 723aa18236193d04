import type { ClusterEventKind } from '../interfaces/job-event.interface.js';

export const CLUSTER_EVENT_KINDS = [
  'job:started',
  'job:completed',
  'job:abandoned',
  'job:cancelled',
  'job:retried',
  'job:moved',
  'job:released',
  'job:stuck',
  'job:lost',
  'job:rescued',
] as const satisfies readonly ClusterEventKind[];
