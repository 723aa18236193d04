import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { NotifyQueueExtras, NotifyQueueOptions } from './interfaces/module-options.interface.js';

export interface NotifyQueueOptionsFactory {
  createNotifyQueueOptions(): NotifyQueueOptions | Promise<NotifyQueueOptions>;
}

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<NotifyQueueOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createNotifyQueueOptions')
    .setExtras<NotifyQueueExtras>(
      { isGlobal: true, name: undefined, dataSource: undefined, schema: undefined },
      (definition) => definition,
    )
    .build();
