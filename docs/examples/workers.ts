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
        role: config.get<Role>('QUEUE_ROLE') || 'all', // 'producer' in web processes
        runQueues: listOf(config.get<string>('QUEUES')), // QUEUES=mail,print in some workers; unset or empty: all
      }),
    }),
  ],
})
export class JobsModule {}

function listOf(text = ''): string[] | undefined {
  const names = text.split(',').map((name) => name.trim());
  return names.some(Boolean) ? names.filter(Boolean) : undefined;
}
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
