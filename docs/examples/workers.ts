import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { JobQueue, NotifyQueueModule, type Role } from 'nestjs-notify-queue';

// #region module
@Module({
  imports: [
    NotifyQueueModule.forRootAsync({
      imports: [ConfigModule],
      inject: [ConfigService],
      useFactory: (config: ConfigService) => ({
        role: config.get<Role>('QUEUE_ROLE', 'all'), // 'producer' in web processes
        runQueues: config.get<string>('QUEUES')?.split(','), // QUEUES=mail,print in some workers; unset: all
      }),
    }),
  ],
})
export class JobsModule {}
// #endregion

declare const AppModule: typeof JobsModule;

// #region worker
export async function main() {
  const app = await NestFactory.createApplicationContext(AppModule); // no HTTP
  app.enableShutdownHooks();
}
// #endregion

// #region manual
export async function warmUpFirst() {
  const app = await NestFactory.createApplicationContext(AppModule); // with autoStart: 'manual'
  app.enableShutdownHooks();
  await loadTheModel();
  await app.get(JobQueue).start();
}
// #endregion

declare function loadTheModel(): Promise<void>;
