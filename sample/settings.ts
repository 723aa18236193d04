// What the environment decides, read once at boot. Everything that may change while the
// application runs is a config row instead: see configs/shop-configs.ts.
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Duration } from 'nestjs-notify-queue';
import { parseRate } from './configs/parse-rate.js';

export class Settings {
  /** HTTP port of this instance. */
  readonly port: number;
  /** An existing server to use; without it the sample starts its own. */
  readonly databaseUrl: string | undefined;
  /** Where the embedded database, the invoices and the outbox live. */
  readonly dataDirectory: string;
  /** Share of mails that fail on purpose, 0 to 1, until a config row says otherwise. */
  readonly mailFaultRate: number;
  /** How long an instance may be silent before the others take its jobs. */
  readonly lease: Duration;
  /** Whether each span of a trace is printed. */
  readonly printTraces: boolean;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.port = parsePort(env.PORT ?? '3000');
    this.databaseUrl = env.DATABASE_URL || undefined;
    this.dataDirectory = resolve(env.DATA_DIR || join(projectRoot, '.data'));
    this.mailFaultRate = parseRate(env.MAIL_FAULT_RATE ?? '0.2');
    this.lease = (env.LEASE || '15s') as Duration; // the queue refuses anything else at boot
    this.printTraces = parseTraces(env.TRACES);
  }
}

/** The folder of package.json: the same one from `sample/` and from `dist/sample/`. */
export const projectRoot = findUp('package.json', import.meta.dirname);

function findUp(name: string, directory: string): string {
  if (existsSync(join(directory, name))) {
    return directory;
  }
  if (dirname(directory) === directory) {
    throw new Error(`No ${name} in any folder above ${import.meta.dirname}`);
  }
  return findUp(name, dirname(directory));
}

function parseTraces(text: string | undefined): boolean {
  if (text && text !== 'console') throw new Error(`TRACES is '${text}', expected 'console', or nothing`);
  return text === 'console';
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`PORT is '${text}', expected a number from 1 to 65535`);
  }
  return port;
}
