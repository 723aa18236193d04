import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file system of its own, so small that it can be filled. */
export class SmallDisk {
  private constructor(readonly directory: string) {}

  /** Why there can be none here, or nothing. */
  static async obstacle(): Promise<string | undefined> {
    const directory = await mkdtemp(join(tmpdir(), 'notify-queue-disk-'));
    try {
      mount(directory, 1);
      unmount(directory);
      return undefined;
    } catch (error) {
      return `no file system can be mounted: ${String((error as Error).message).trim()}`;
    } finally {
      await rmdir(directory);
    }
  }

  /** One that ends with this test; servers on it must be started later, so that they stop before. */
  static async forTest(megabytes: number): Promise<SmallDisk> {
    const directory = await mkdtemp(join(tmpdir(), 'notify-queue-disk-'));
    onTestFinished(() => rmdir(directory));
    mount(directory, megabytes);
    onTestFinished(() => unmount(directory));
    return new SmallDisk(directory);
  }

  /** Somebody writes a file that leaves no room. */
  async fill(): Promise<void> {
    const file = await open(this.file, 'w');
    try {
      for (const chunk = Buffer.alloc(1 << 20); ; ) await file.write(chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      await file.close();
    }
  }

  /** The file is removed. */
  async free(): Promise<void> {
    await rm(this.file);
  }

  private get file(): string {
    return join(this.directory, 'too-much');
  }
}

function mount(directory: string, megabytes: number): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', directory], { stdio: 'pipe' });
}

function unmount(directory: string): void {
  execFileSync('umount', [directory], { stdio: 'pipe' });
}
