/**
 * A stand-in for the client library, for tests of places and of a Cluster without a Redis: what each command is answered with the test
 * says, and what is published comes back unless it is kept quiet. No source imports it.
 */
import { EventEmitter } from 'node:events';
import { fakeClock } from '@syncline/protocol/testing';
import type { Dial } from './connection.ts';

type Hear = (message: Buffer, topic: Buffer) => void;

/** What the test decides, at any time. */
export interface Answering {
  /** The reply to a command; what it throws is how the command fails. */
  reply: (args: readonly string[], port: number) => unknown;
  /** Whether what is published reaches nobody. */
  quiet: boolean;
}

/** How to dial a Redis that is none. */
export function standIn() {
  const clock = fakeClock();
  const answering: Answering = { reply: () => 'OK', quiet: false };
  const hearing = new Map<string, Set<Hear>>();

  class Client extends EventEmitter {
    readonly #port: number;

    constructor({ socket }: { readonly socket: { readonly port: number } }) {
      super();
      this.#port = socket.port;
    }

    async connect(): Promise<void> {}

    async sendCommand(given: readonly (string | Buffer)[]): Promise<unknown> {
      const args = given.map(String);
      const [command = '', topic = '', message = ''] = args;
      if (!/^S?PUBLISH$/.test(command)) return answering.reply(args, this.#port);
      if (answering.quiet) return 0;
      for (const hear of hearing.get(topic) ?? []) hear(Buffer.from(message), Buffer.from(topic));
      return 1;
    }

    async subscribe(topics: readonly string[], hear: Hear): Promise<void> {
      for (const topic of topics) hearing.set(topic, (hearing.get(topic) ?? new Set()).add(hear));
    }

    sSubscribe(topics: readonly string[], hear: Hear): Promise<void> {
      return this.subscribe(topics, hear);
    }

    async unsubscribe(topic: string, hear: Hear): Promise<void> {
      hearing.get(topic)?.delete(hear);
    }

    sUnsubscribe(topic: string, hear: Hear): Promise<void> {
      return this.unsubscribe(topic, hear);
    }

    destroy(): void {}
  }

  const library = {
    createClient: (options: ConstructorParameters<typeof Client>[0]) => new Client(options),
    RESP_TYPES: {},
    ErrorReply: class extends Error {},
  } as unknown as Dial['library'];
  const dial: Dial = {
    ...{ library, clock, username: undefined, password: undefined, tls: undefined },
    ...{ connectMs: 2000, commandsMax: 1000 },
  };
  return { clock, answering, dial };
}
