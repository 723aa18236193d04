import type { JobCriteria, JobRecord } from '../../interfaces/job-record.interface.js';
import { contains } from './contains.js';

/** Whether a job fits, as the WHERE of a search has it. */
export function fits(job: JobRecord, { queue, name, state, payload, tags, group, enqueuedAfter, enqueuedBefore }: JobCriteria): boolean {
  return (
    (queue === undefined || job.queue === queue) &&
    (name === undefined || job.name === name) &&
    (state === undefined || [state].flat().includes(job.state)) &&
    (tags === undefined || [tags].flat().every((tag) => job.tags.includes(tag))) &&
    (group === undefined || job.group === group) &&
    (payload === undefined || contains(job.payload, payload)) &&
    (enqueuedAfter === undefined || job.enqueuedAt >= enqueuedAfter) &&
    (enqueuedBefore === undefined || job.enqueuedAt < enqueuedBefore)
  );
}
