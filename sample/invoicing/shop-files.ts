// Where the shop keeps its files, and how it writes them: a reader sees a whole file or none,
// and running a job twice replaces the file.
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Settings } from '../settings.js';

@Injectable()
export class ShopFiles {
  constructor(private readonly settings: Settings) {}

  /** Names are relative to the data directory. */
  invoice = (orderId: string): string => join('invoices', `${orderId}.pdf`);
  mail = (orderId: string): string => join('outbox', `${orderId}.eml`);

  resolve(name: string): string {
    return join(this.settings.dataDirectory, name);
  }

  async write(name: string, content: Uint8Array, signal?: AbortSignal): Promise<void> {
    const path = this.resolve(name);
    const temporary = `${path}.${randomUUID()}.tmp`;
    await mkdir(dirname(path), { recursive: true });
    try {
      await writeFile(temporary, content, { signal, flush: true });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}
