import { describe, expect, it } from 'vitest';
import { as, eachRoleDoesItsPart, migrateAsOwner, rightsAreEnoughAndNoMore } from './scenarios/roles.js';
import { OPTIONS, useFaults } from './use-faults.js';

const ROLES = { migrate: migrateAsOwner, through: (url: string) => as('producer', url) };

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it('29: every role does its part with the rights that the docs name', async () =>
    expect(await faults.after(eachRoleDoesItsPart, ROLES)).toEqual([]));
  it('29: anything else is refused, and no right is more than a role needs', async () =>
    expect(await faults.after(rightsAreEnoughAndNoMore, ROLES)).toEqual([]));
});
