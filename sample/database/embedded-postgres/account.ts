import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The user a server runs as, and the command that it must be started through. */
export interface PostgresAccount {
  user?: { uid: number; gid: number };
  prefix: string[];
}

/**
 * PostgreSQL refuses to run as root: root starts it as the owner of the cluster, else as
 * `postgres`, else as `nobody`; anyone else as themselves. Where that user can't reach the given
 * paths (a checkout below a private home directory), Linux lends it root's file access.
 */
export function postgresAccount(cluster: string, paths: string[]): PostgresAccount {
  if (process.getuid?.() !== 0) return { prefix: [] };
  const user = ownerOf(cluster) ?? accountOf('postgres') ?? accountOf('nobody');
  if (!user) throw new Error('root needs a user "postgres" or "nobody" to run PostgreSQL as');
  const reach = paths.every((path) => spawnSync('test', ['-r', path], user).status === 0);
  if (reach) return { user, prefix: [] };

  const prefix = [
    'setpriv',
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    '--clear-groups',
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ];
  if (spawnSync('setpriv', [...prefix.slice(1), 'true']).status !== 0) {
    throw new Error(
      `PostgreSQL can't run as root, and user ${user.uid} can't read ${paths.join(' or ')}`,
    );
  }
  return { user, prefix };
}

function ownerOf(cluster: string): { uid: number; gid: number } | undefined {
  if (!existsSync(join(cluster, 'PG_VERSION'))) return undefined;
  const { uid, gid } = statSync(cluster);
  return uid === 0 ? undefined : { uid, gid };
}

function accountOf(name: string): { uid: number; gid: number } | undefined {
  const id = (flag: string) =>
    Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}
