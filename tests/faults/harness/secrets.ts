/**
 * What must not be seen in a run: the key that tokens are signed with, the tokens, a password, a text that stands in every message. The
 * rig hands them to whom they belong; the history names them, so that the checker can look for them.
 */
import { randomBytes } from 'node:crypto';
import { type Capabilities, mintToken } from '@syncline/server';
import type { Recorder } from './history.ts';

/** Good for as long as any run takes, also where clocks are moved. */
const lifetimeMs = 12 * 3_600_000;

export class Secrets {
  readonly key: string = made('key');
  /** Of the Redis, which takes any. */
  readonly password: string = made('password');
  readonly payload: string = made('payload');
  readonly #recorder: Recorder;

  constructor(recorder: Recorder) {
    this.#recorder = recorder;
    const { key, password, payload } = this;
    for (const [what, text] of Object.entries({
      'the key': key,
      'the password': password,
      'a payload': payload,
    }))
      recorder.tell('harness', { type: 'secret', what, text });
  }

  /** A token of that user, who is also its name. */
  async token(user: string, capabilities: Capabilities = { '*': ['*'] }): Promise<string> {
    const token = await mintToken({ secret: this.key, user, capabilities, lifetimeMs, tokenId: user });
    // What nobody can guess of it.
    const text = token.split('.')[2] ?? token;
    this.#recorder.tell('harness', { type: 'secret', what: `the token of ${user}`, text });
    return token;
  }
}

function made(what: string): string {
  return `secret-${what}-${randomBytes(16).toString('hex')}`;
}
