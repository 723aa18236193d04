import { describe, expect, it } from 'vitest';
import { bootError, useApps } from '../../support/apps.js';
import { useTestDatabase } from '../../support/database.js';
import { handle } from '../../support/handlers.js';

describe('which jobs a process runs', () => {
  const database = useTestDatabase();
  const start = useApps(database, { sweepInterval: '200ms' });
  const mail = handle({ mail: () => 'mailed' }, { queue: 'mail' });
  const print = handle({ print: () => 'printed' }, { queue: 'print' });
  const mapped = (texts: string[]): string[] => texts.filter((text) => text.startsWith('Mapped')).map((text) => text.split(',')[0]!);

  it('runQueues: only those of the queues that it names', async () => {
    const one = await start({ providers: [mail, print], queue: { runQueues: ['mail'] } });
    expect(mapped(one.logger.of('log'))).toEqual(['Mapped {mail']);
    const printed = await one.queue.enqueue('print', {});
    expect(printed.queue).toBe('print');
    expect(await one.queue.result((await one.queue.enqueue('mail', {})).id)).toBe('mailed');
    await expect(one.queue.result(printed.id, { timeout: 600 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect((await one.queue.status()).instances).toMatchObject([{ queues: ['mail'] }]);

    const two = await start({ providers: [mail, print], queue: { runQueues: ['print'] } });
    expect(await two.queue.result(printed.id)).toBe('printed');
  });

  it('runQueues: somebody is told when they are nobody’s', async () => {
    const { logger } = await start({ providers: [mail, print], queue: { runQueues: ['mial'] } });
    expect(logger.of('warn')).toEqual(['This process runs no jobs: no handler is for any of runQueues (mial). Handlers here are for: mail, print']);
  });

  it('runQueues: none at all', async () => {
    const { queue, logger } = await start({ providers: [mail], queue: { runQueues: [] } });
    expect(mapped(logger.of('log'))).toEqual([]);
    expect((await queue.status()).instances).toEqual([]);
  });

  it('autoStart manual: none before start()', async () => {
    const { queue, logger } = await start({ providers: [mail], queue: { autoStart: 'manual' } });
    const { id } = await queue.enqueue('mail', {});
    await expect(queue.result(id, { timeout: 600 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect(mapped(logger.of('log'))).toEqual([]);
    await Promise.all([queue.start(), queue.start()]);
    await queue.start();
    expect(await queue.result(id)).toBe('mailed');
    expect(mapped(logger.of('log'))).toEqual(['Mapped {mail']);
  });

  it('a producer runs nothing, and is no instance', async () => {
    const { queue, logger } = await start({ providers: [mail], queue: { role: 'producer' } });
    const { id } = await queue.enqueue('mail', {});
    await expect(queue.result(id, { timeout: 600 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT' });
    expect(await queue.get(id)).toMatchObject({ state: 'available', reservedBy: null });
    expect((await queue.status()).instances).toEqual([]);
    expect(mapped(logger.of('log'))).toEqual([]);
    const worker = await start({ providers: [mail], queue: { role: 'worker' } });
    expect(await worker.queue.result(id)).toBe('mailed');
  });

  it('a producer refuses to start', async () => {
    const { queue } = await start({ providers: [mail], queue: { role: 'producer' } });
    await expect(queue.start()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: "'role' is 'producer'; expected 'all' or 'worker', to run jobs." });
  });

  it.each([
    [{ runQueues: 'mail' }, /'runQueues' is 'mail'; expected an array of queue names/],
    [{ runQueues: [''] }, /'runQueues'/],
    [{ autoStart: 'later' }, /'autoStart' is 'later'; expected 'bootstrap' or 'manual'/],
  ])('%j is refused', async (queue, message) => {
    expect(await bootError(database, { queue: queue as never })).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) });
  });
});
