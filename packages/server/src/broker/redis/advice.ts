/**
 * What an operator should know of a Redis that works: that it may throw logs away, or that anyone on the network can read and write
 * it. The link says it once, when it starts. It stops nothing.
 */
import { type Address, nameOf } from './connection.ts';

export interface Looked {
  readonly at: Address;
  readonly hasPassword: boolean;
  readonly hasTls: boolean;
  /** The reply to INFO memory; undefined where the user may not ask. */
  readonly memory: unknown;
}

/** A sentence for each thing that should be otherwise. */
export function adviceOn({ at, hasPassword, hasTls, memory }: Looked): readonly string[] {
  const advice: string[] = [];
  const name = nameOf(at);
  const policy = factOf(memory, 'maxmemory_policy');
  if (Number(factOf(memory, 'maxmemory')) > 0 && policy !== undefined && policy !== 'noeviction')
    advice.push(
      `The Redis at ${name} may throw logs away when its memory is full (maxmemory-policy ${policy}); readers then have gaps. ` +
        'Set it to noeviction, so that publishes are refused instead.',
    );
  if (!isHere(at) && !hasPassword)
    advice.push(
      `The Redis at ${name} asks for no password: whoever reaches it can read and write every channel. Set one.`,
    );
  if (!isHere(at) && !hasTls)
    advice.push(
      `The connection to the Redis at ${name} is not encrypted. Use TLS, unless the network between is yours alone.`,
    );
  return advice;
}

/** Whether it is on this machine. */
function isHere(at: Address): boolean {
  return 'path' in at || /^(localhost|127(\.\d+){3}|::1)$/.test(at.host);
}

function factOf(reply: unknown, name: string): string | undefined {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(String(reply ?? ''))?.[1];
}
