import { describe, expect, it } from 'vitest';
import { NetworkNamespace } from '../support/network-namespace.js';
import { cutOffNetwork } from './scenarios/cut-off-network.js';
import { LONG, OPTIONS, useFaults } from './use-faults.js';

const obstacle = NetworkNamespace.obstacle();
if (obstacle) console.log(`Fault 20 is skipped: ${obstacle}`);

describe('faults', OPTIONS, () => {
  const faults = useFaults();

  it.skipIf(obstacle).each(['link down', 'packets dropped'] as const)('20: one of three workers is cut off in its own network: %s', async (how) =>
    expect(await faults.after((it) => cutOffNetwork(it, how, LONG ? 4 : 1))).toEqual([]),
  );
});
