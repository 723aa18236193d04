import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ConnectionCloserModule } from '../connection-closer.module.js';
import { isName, NAME_EXPECTED } from '../core/names.js';
import { InvalidOptionError } from '../errors/configuration.errors.js';
import type { NotifyQueueExtras, NotifyQueueOptions } from '../interfaces/module-options.interface.js';
import { getJobConfigsToken, getJobQueueToken } from '../job-queue.tokens.js';
import { MODULE_OPTIONS_TOKEN } from '../notify-queue.module-definition.js';
import { createProviders } from '../notify-queue.providers.js';
import { fakeProviders } from './fake/fake-providers.js';
import { readTestMode, type TestQueueOptions } from './testing-options.js';

export interface NotifyQueueTestingOptions extends NotifyQueueOptions, TestQueueOptions, Pick<NotifyQueueExtras, 'name'> {}

/**
 * In the place of `NotifyQueueModule`, for tests of single modules: a queue in memory, without any database. Everything
 * that the module checks, decides and calls is the real thing.
 *
 * @example
 * Test.createTestingModule({ imports: [NotifyQueueTestingModule.forRoot({ mode: 'inline' }), InvoicingModule] })
 */
@Module({})
export class NotifyQueueTestingModule {
  /** @throws InvalidOptionError for a bad `mode` or `name`; for the options of the queue when the module is compiled */
  static forRoot({ mode, name, ...options }: NotifyQueueTestingOptions = {}): DynamicModule {
    if (name !== undefined && !isName(name)) throw new InvalidOptionError('name', name, NAME_EXPECTED);
    const fakes = fakeProviders(readTestMode(mode));
    const replaced = new Set(fakes.map(({ provide }) => provide));
    const real = createProviders({ name }).filter((provider) => !replaced.has(tokenOf(provider)));
    return {
      module: NotifyQueueTestingModule,
      global: true,
      imports: [DiscoveryModule, ConnectionCloserModule],
      providers: [{ provide: MODULE_OPTIONS_TOKEN, useValue: options }, ...real, ...fakes],
      exports: [getJobQueueToken(name), getJobConfigsToken(name)],
    };
  }
}

function tokenOf(provider: Provider): Exclude<Provider, { provide: unknown }> | Extract<Provider, { provide: unknown }>['provide'] {
  return typeof provider === 'object' ? provider.provide : provider;
}
