import { afterAll, afterEach, onTestFailed } from 'vitest';
import { useFaultServer, type FaultServer } from './fault-server.js';
import { SEED } from './random.js';
import { printTimes } from './recovery-times.js';
import { World, type WorldOptions } from './world.js';

/** `npm run faults` sets it; `npm test` runs a short form of what takes long. */
export const MINUTES = Number(process.env['FAULT_MINUTES'] ?? 0);
export const LONG = MINUTES > 0;
/** For `describe`: tests of real time, as often as `npm run faults` says. */
export const OPTIONS = { timeout: (LONG ? 300_000 : 60_000) + MINUTES * 60_000, repeats: Number(process.env['FAULT_RUNS'] ?? 1) - 1 };

export interface Faults {
  readonly server: FaultServer;
  /** Lets a scenario happen in a world of its own. Resolves to what the checker finds after it. */
  after(scenario: (world: World) => Promise<void>, options?: WorldOptions): Promise<unknown[]>;
}

/** Gives the tests of a file a server that may be crashed, by hooks. */
export function useFaults(): Faults {
  const server = useFaultServer();
  const after = useWorlds();
  return {
    get server() {
      return server.current;
    },
    after: (scenario, options) => after(server.current, scenario, options),
  };
}

/** The same for tests that bring a server of their own. */
export function useWorlds(): (server: FaultServer, ...how: Parameters<Faults['after']>) => Promise<unknown[]> {
  let world: World | undefined;
  afterEach(async () => {
    await world?.close();
    world = undefined;
  });
  afterAll(() => {
    if (process.env['FAULT_ALL']) printTimes();
  });
  return async (server, scenario, options) => {
    onTestFailed(() => console.error(`seed ${SEED}`));
    world = await World.create(server, options);
    await scenario(world);
    const stopped = await world.stopAll();
    return [...(await world.violations()), ...stopped];
  };
}
