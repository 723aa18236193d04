import type { CodecSubject, JobCodec } from './interfaces/job-codec.interface.js';
import type { JobRecord } from './interfaces/job-record.interface.js';
import type { JobStore } from './interfaces/ports/index.js';

/** Shows jobs as they were before a codec encoded them. What it cannot read is shown as it is stored. */
export function decodedJobs(store: JobStore, codec: JobCodec): JobStore {
  const decode = (job: JobRecord): JobRecord => ({
    ...job,
    payload: read('payload', job.payload, job),
    result: read('result', job.result, job),
    progress: read('progress', job.progress, job),
  });
  const read = (kind: CodecSubject['kind'], value: unknown, { queue, name, id }: JobRecord): unknown => {
    try {
      return codec.decode(value, { kind, queue, name, id });
    } catch {
      return value;
    }
  };
  return {
    get: (id) => store.get(id).then((job) => job && decode(job)),
    find: (criteria, page) => store.find(criteria, page).then(({ jobs, nextCursor }) => ({ jobs: jobs.map(decode), nextCursor })),
    status: (...args) => store.status(...args),
    cancel: (...args) => store.cancel(...args),
    move: (...args) => store.move(...args),
    update: (...args) => store.update(...args),
    hold: (...args) => store.hold(...args),
    release: (...args) => store.release(...args),
    retry: (...args) => store.retry(...args),
    watch: (...args) => store.watch(...args),
  };
}
