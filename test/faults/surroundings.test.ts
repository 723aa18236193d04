import { describe, expect, it } from 'vitest';
import { asVictim, hostilePath, migrateUnderHostilePath } from './scenarios/hostile-path.js';
import { twoInstallations } from './scenarios/installations.js';
import { countersAtTheirLimits, revisionsRunOut } from './scenarios/limits.js';
import { OPTIONS, useFaults } from './use-faults.js';

const INSTALLATIONS = [
  ['Say "hi" to \\ and $1 of O\'Brien', 'say "hi" to \\ and $1 of O\'Brien'],
  [`${'ü'.repeat(31)}1`, `${'ü'.repeat(31)}2`],
] as const;

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('28: counters are at their limits', async () => expect(await faults.after(countersAtTheirLimits)).toEqual([]));
  it('28: the numbers of config revisions run out', async () => expect(await faults.after(revisionsRunOut)).toEqual([]));
  it.each(INSTALLATIONS)('28: two installations are in one database, %s and %s', async (...schemas) =>
    expect(await faults.after((it) => twoInstallations(it, schemas), { schemas })).toEqual([]),
  );
  it('28: the search path of the role is hostile', async () =>
    expect(await faults.after(hostilePath, { migrate: migrateUnderHostilePath, through: asVictim })).toEqual([]));
});
