import { types } from 'node:util';
import { describe } from '../errors/configuration.errors.js';
import { JobForgottenError } from '../errors/job.errors.js';
import { peek } from './peek.js';

interface Member {
  readonly id: string;
}

/** What a batch handler made of each of its jobs, in their order. @throws JobForgottenError when nobody can tell which is whose */
export async function readOutcomes(answer: unknown, jobs: readonly Member[]): Promise<Array<PromiseSettledResult<unknown>>> {
  const settled = await Promise.allSettled(listOf(answer, jobs));
  return settled.map((one) => (one.status === 'fulfilled' ? readOne(one) : one));
}

function listOf(answer: unknown, jobs: readonly Member[]): readonly unknown[] {
  if (answer === undefined || answer === null) return jobs.map(() => undefined);
  if (types.isMap(answer)) return jobs.map((job) => entryOf(answer, job));
  if (!Array.isArray(answer)) {
    throw new JobForgottenError(
      `The batch handler returned ${describe(answer)}. Return nothing, an array with an outcome for each job, or a Map by job.`,
    );
  }
  if (answer.length === jobs.length) return answer;
  throw new JobForgottenError(
    `The batch handler returned ${answer.length} outcomes for ${jobs.length} jobs, so nobody can tell which is whose. Return one for each, or a Map by job.`,
  );
}

function entryOf(outcomes: ReadonlyMap<unknown, unknown>, job: Member): unknown {
  if (outcomes.has(job)) return outcomes.get(job);
  if (outcomes.has(job.id)) return outcomes.get(job.id);
  return new JobForgottenError(`The batch handler returned a Map without job ${job.id}. Set an outcome for each job; undefined is one.`);
}

/** An error is a failure, whether it was returned or is what `Promise.allSettled` says. */
function readOne(one: PromiseFulfilledResult<unknown>): PromiseSettledResult<unknown> {
  const { value } = one;
  if (value instanceof Error || types.isNativeError(value)) return { status: 'rejected', reason: value };
  const status = peek(value, 'status');
  const isSettled = (status === 'fulfilled' && 'value' in (value as object)) || (status === 'rejected' && 'reason' in (value as object));
  return isSettled ? (value as PromiseSettledResult<unknown>) : one;
}
