import { readFileSync, statfsSync } from 'node:fs';

const MEMORY = '/dev/shm';
const NEEDED_BYTES = 4 * 1024 ** 3;

/**
 * Has this process and those that it starts put their temporary files in memory, where the system offers it with room and lets programs run.
 * Databases are directories of 300 files: ext4 searches long for an inode to give out after many were deleted, some 0.3 s a database.
 * `TMPDIR` in the environment wins.
 */
export function keepTemporaryFilesInMemory(): void {
  if (!process.env['TMPDIR'] && isRoomyMemory()) process.env['TMPDIR'] = MEMORY;
}

function isRoomyMemory(): boolean {
  try {
    const mount = readFileSync('/proc/mounts', 'utf8').split('\n').findLast((line) => line.split(' ')[1] === MEMORY);
    const { bavail, bsize } = statfsSync(MEMORY);
    return mount !== undefined && / tmpfs /.test(mount) && !/\bnoexec\b/.test(mount) && bavail * bsize > NEEDED_BYTES;
  } catch {
    return false; // no such system
  }
}
