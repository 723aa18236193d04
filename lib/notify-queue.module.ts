import { Module, type DynamicModule } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { NotifyQueueExtras } from './interfaces/module-options.interface.js';
import { ConnectionCloserModule } from './connection-closer.module.js';
import { isName, NAME_EXPECTED } from './core/names.js';
import { InvalidOptionError } from './errors/configuration.errors.js';
import { getJobConfigsToken, getJobQueueToken } from './job-queue.tokens.js';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './notify-queue.module-definition.js';
import { createProviders } from './notify-queue.providers.js';
import { notifyQueueEntities } from './store/index.js';

/**
 * Background jobs in the application's own PostgreSQL. Import it once, in the root module, or once for each name.
 *
 * @example
 * NotifyQueueModule.forRoot({ queues: { mail: { concurrency: 20 } } })
 * @throws InvalidOptionError at boot, for an option that is unknown or has a bad value
 */
@Module({})
export class NotifyQueueModule extends ConfigurableModuleClass {
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return complete(super.forRoot(options), options);
  }

  /** As `forRoot`, with options from a factory; `dataSource`, `schema` and `isGlobal` stand beside it. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return complete(super.forRootAsync(options), options);
  }
}

function complete(module: DynamicModule, extras: NotifyQueueExtras): DynamicModule {
  const { name } = extras;
  if (name !== undefined && !isName(name)) throw new InvalidOptionError('name', name, NAME_EXPECTED);
  const tokens = [getJobQueueToken(name), getJobConfigsToken(name)];
  const entities = TypeOrmModule.forFeature(notifyQueueEntities(extras.schema), extras.dataSource);
  return {
    ...module,
    global: extras.isGlobal ?? true,
    imports: [...(module.imports ?? []), DiscoveryModule, ConnectionCloserModule, entities],
    providers: [...(module.providers ?? []), ...createProviders(extras)],
    exports: [...tokens, entities],
  };
}
