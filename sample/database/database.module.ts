// Stops the database when the application is done with it. Nest shuts global modules down last
// and in the reverse of their order: import this one before all others.
import { type DynamicModule, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from './database.js';

@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  static forRoot(database: Database): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [{ provide: Database, useValue: database }],
      exports: [Database],
    };
  }

  constructor(private readonly database: Database) {}

  async onApplicationShutdown(): Promise<void> {
    await this.database.stop();
  }
}
