import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { InvalidOptionError } from '../errors/configuration.errors.js';
import { UnreadableValueError } from '../errors/job.errors.js';
import type { CodecSubject, JobCodec } from '../interfaces/job-codec.interface.js';
import { isName, NAME_EXPECTED } from './names.js';
import { OptionReader } from './option-reader.js';
import { snapshot } from './peek.js';

export interface EncryptionOptions {
  /** Keys of 32 bytes, as bytes or in base64, by an id that is stored beside what they encrypt. */
  keys: Readonly<Record<string, Uint8Array | string>>;
  /** Id of the key for what is written from now on. The others read. */
  current: string;
}

/** What is stored. The queue is the one at the time: a job may be moved. */
interface Envelope {
  readonly $encrypted: string;
  readonly queue: string;
  /** Nonce, tag and text, in base64. */
  readonly data: string;
}

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_EXPECTED = `${KEY_BYTES} bytes, or their base64, as \`openssl rand -base64 ${KEY_BYTES}\` prints it`;

/**
 * Encrypts payloads, results and progress by AES-256-GCM, each bound to its job: what is copied to another one, or into
 * another column, cannot be read. What was stored before stays readable.
 *
 * @example
 * NotifyQueueModule.forRoot({ codec: encryption({ keys: { '2027': process.env.JOBS_KEY! }, current: '2027' }) })
 * @throws InvalidOptionError
 */
export function encryption(options: EncryptionOptions): JobCodec {
  const reader = new OptionReader(options, 'encryption');
  const keys = readKeys(reader);
  const current = reader.value('current', '', `one of the ids of \`keys\`: ${[...keys.keys()].join(', ')}`, (value) =>
    keys.has(value as string) ? (value as string) : undefined,
  );
  reader.done();
  const key = keys.get(current);
  if (!key) throw new InvalidOptionError('encryption.current', undefined, 'the id of a key');
  return {
    encode(json, subject) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(bindTo(subject, subject.queue));
      const text = Buffer.concat([cipher.update(json, 'utf8'), cipher.final()]);
      const data = Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
      return JSON.stringify({ $encrypted: current, queue: subject.queue, data } satisfies Envelope);
    },
    decode(stored, subject) {
      if (!isEnvelope(stored)) return stored;
      const known = keys.get(stored.$encrypted);
      if (!known) throw new UnreadableValueError(subject, `it is encrypted by key '${stored.$encrypted}', which this process does not have`, true);
      try {
        const data = Buffer.from(stored.data, 'base64');
        const nonce = data.subarray(0, NONCE_BYTES);
        const decipher = createDecipheriv(ALGORITHM, known, nonce, { authTagLength: TAG_BYTES }).setAAD(bindTo(subject, stored.queue));
        decipher.setAuthTag(data.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        const text = Buffer.concat([decipher.update(data.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
        return JSON.parse(text.toString('utf8'));
      } catch {
        throw new UnreadableValueError(subject, 'it was changed, belongs to another job, or the key of this id is another one', false);
      }
    },
  };
}

function readKeys(reader: OptionReader): ReadonlyMap<string, Buffer> {
  const given = snapshot(reader.raw('keys'));
  if (!given || Object.keys(given).length === 0) throw new InvalidOptionError('encryption.keys', given, 'an object with a key for each id');
  return new Map(
    Object.entries(given).map(([id, value]) => {
      if (!isName(id)) throw new InvalidOptionError('encryption.keys', id, `ids that are each ${NAME_EXPECTED}`);
      const key = typeof value === 'string' ? Buffer.from(value, 'base64') : value instanceof Uint8Array ? Buffer.from(value) : undefined;
      // The value is secret, so no error shows it.
      if (key?.length !== KEY_BYTES) throw new InvalidOptionError(`encryption.keys.${id}`, undefined, KEY_EXPECTED);
      return [id, key];
    }),
  );
}

function bindTo({ kind, name, id }: CodecSubject, queue: string): Buffer {
  return Buffer.from(JSON.stringify([kind, queue, name, id]));
}

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null) return false;
  const { $encrypted, queue, data } = value as Partial<Envelope>;
  return typeof $encrypted === 'string' && typeof queue === 'string' && typeof data === 'string';
}
