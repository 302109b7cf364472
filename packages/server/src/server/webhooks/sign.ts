/**
 * How what a webhook is told is signed: as Standard Webhooks has it, so that libraries in many languages verify it. It knows secrets and
 * bytes, and shows no secret to anybody.
 */
import { createHmac } from 'node:crypto';
import { SyncError } from '@syncline/protocol';

/** The headers of one attempt. @param now in ms since 1970 */
export type Signer = (id: string, now: number, body: string) => Readonly<Record<string, string>>;

const prefix = 'whsec_';
const bytesMin = 24;
const bytesMax = 64;
const secretsMax = 4;

/**
 * Signs with a secret; with each of several while one is being changed for another.
 *
 * @throws SyncError `bad_option`, which doesn't repeat the secret
 * @example
 * signer('`webhooks[0].secret`', 'whsec_…')('msg_1', Date.now(), '{}')['webhook-signature'] // 'v1,…'
 */
export function signer(name: string, secret: unknown): Signer {
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  const keys = secrets.map(keyOf).filter((key) => key !== undefined);
  if (keys.length === 0 || keys.length < secrets.length || keys.length > secretsMax)
    throw new SyncError(
      'bad_option',
      `Expected ${name} to be "${prefix}" and ${bytesMin} to ${bytesMax} bytes in base64, or a list of up to ${secretsMax} of these. A good one: echo "${prefix}$(openssl rand -base64 32)"`,
    );
  return (id, now, body) => {
    const seconds = Math.floor(now / 1000);
    const signatures = keys.map((key) => {
      const mac = createHmac('sha256', key).update(`${id}.${seconds}.${body}`);
      return `v1,${mac.digest('base64')}`;
    });
    return {
      'webhook-id': id,
      'webhook-timestamp': String(seconds),
      'webhook-signature': signatures.join(' '),
    };
  };
}

function keyOf(secret: unknown): Buffer | undefined {
  if (typeof secret !== 'string' || !secret.startsWith(prefix)) return undefined;
  const text = secret.slice(prefix.length);
  const key = Buffer.from(text, 'base64');
  const whole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return whole && key.length >= bytesMin && key.length <= bytesMax ? key : undefined;
}
