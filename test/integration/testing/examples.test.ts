import { Test } from '@nestjs/testing';
import { getJobQueueTester, NotifyQueueTestingModule } from 'nestjs-notify-queue/testing';
import { expect, it } from 'vitest';
import { oneModuleWithoutDatabase, retries, ShopModule } from '../../../docs/examples/testing.js';
import { CollectingLogger } from '../../support/app.js';

it('the examples of the docs run', async () => {
  await oneModuleWithoutDatabase();
  const module = await Test.createTestingModule({ imports: [NotifyQueueTestingModule.forRoot(), ShopModule] }).setLogger(new CollectingLogger()).compile();
  await retries(getJobQueueTester(await module.init()));
  await expect(module.close()).resolves.toBeUndefined();
});
