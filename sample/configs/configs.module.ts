import { Module } from '@nestjs/common';
import { ConfigsController } from './configs.controller.js';
import { ShopConfigs } from './shop-configs.js';

@Module({
  controllers: [ConfigsController],
  providers: [ShopConfigs],
  exports: [ShopConfigs],
})
export class ConfigsModule {}
