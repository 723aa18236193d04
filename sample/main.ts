// Opens the shop: database, application, the shipped orders. See README.md for a tour.
import { type INestApplication, ShutdownSignal } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { requireFreePort } from './boot/free-port.js';
import { welcome } from './boot/welcome.js';
import { Database } from './database/database.js';
import { FirstOrders } from './first-start/first-orders.js';
import { WorkProgress } from './first-start/work-progress.js';
import { Settings } from './settings.js';

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

async function main(): Promise<void> {
  const settings = new Settings();
  await requireFreePort(settings.port);
  console.log(`Opening the shop with ${databaseOf(settings)} ...`);
  const database = await Database.open(settings);
  const app = await start(settings, database);
  const placed = await app.get(FirstOrders).place();
  const example = await app.get(FirstOrders).example();
  console.log(welcome(settings, example));
  if (placed > 0) {
    console.log(`First start: ${placed} orders placed, their invoices are on the way.`);
  }
  await app.get(WorkProgress).show();
}

function databaseOf({ databaseUrl, dataDirectory }: Settings): string {
  return databaseUrl ? 'the database of DATABASE_URL' : `a PostgreSQL of its own in ${dataDirectory}`;
}

async function start(settings: Settings, database: Database): Promise<INestApplication> {
  let app: INestApplication | undefined;
  try {
    app = await NestFactory.create(AppModule.forRoot(settings, database), {
      logger: ['warn', 'error', 'fatal'],
      abortOnError: false,
    });
    // Ctrl-C and SIGTERM: take no new jobs, finish those that run, then stop the database.
    app.enableShutdownHooks([ShutdownSignal.SIGINT, ShutdownSignal.SIGTERM], {
      useProcessExit: true,
    });
    await app.listen(settings.port);
    app.useLogger(['log', 'warn', 'error', 'fatal']);
    return app;
  } catch (error) {
    await app?.close();
    await database.stop();
    throw error;
  }
}
