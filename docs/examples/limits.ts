import { Injectable, Module } from '@nestjs/common';
import { JobConfigs, NotifyQueueModule } from 'nestjs-notify-queue';

// #region options
@Module({
  imports: [
    NotifyQueueModule.forRoot({
      queues: {
        geocode: { globalConcurrency: 4, rate: { limit: 50, per: '1s', burst: 5 } },
      },
    }),
  ],
})
export class GeocodeModule {}
// #endregion

@Injectable()
export class Operations {
  constructor(private readonly configs: JobConfigs) {}

  // #region configs
  async nightShift(): Promise<void> {
    await this.configs.set('geocode_rate', '500/1s burst 20');
    await this.configs.set('geocode_global_concurrency', '16');
    await this.configs.set('geocode_concurrency', '8');
  }

  async dayShift(): Promise<void> {
    for (const key of ['geocode_rate', 'geocode_global_concurrency', 'geocode_concurrency']) await this.configs.delete(key);
  }
  // #endregion
}
