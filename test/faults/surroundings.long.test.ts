import { describe, expect, it } from 'vitest';
import { twoInstallations } from './scenarios/installations.js';
import { OPTIONS, useFaults } from './use-faults.js';

const INSTALLATIONS = [
  ['Say "hi" to \\ and $1 of O\'Brien', 'say "hi" to \\ and $1 of O\'Brien'],
  [`${'ü'.repeat(31)}1`, `${'ü'.repeat(31)}2`],
] as const;

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it.each(INSTALLATIONS)('28: two installations are in one database, %s and %s', async (...schemas) =>
    expect(await faults.after((it) => twoInstallations(it, schemas), { schemas })).toEqual([]),
  );
});
