import { describe, expect, it } from 'vitest';
import { asVictim, hostilePath, migrateUnderHostilePath } from './scenarios/hostile-path.js';
import { countersAtTheirLimits, revisionsRunOut } from './scenarios/limits.js';
import { OPTIONS, useFaults } from './use-faults.js';

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('28: counters are at their limits', async () => expect(await faults.after(countersAtTheirLimits)).toEqual([]));
  it('28: the numbers of config revisions run out', async () => expect(await faults.after(revisionsRunOut)).toEqual([]));
  it('28: the search path of the role is hostile', async () =>
    expect(await faults.after(hostilePath, { migrate: migrateUnderHostilePath, through: asVictim })).toEqual([]));
});
