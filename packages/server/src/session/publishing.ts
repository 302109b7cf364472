/**
 * How a session appends: at once where nothing need be waited for, else after rights, schema and hooks were asked, in the
 * order in which it was asked for (rules A1 to A6). The session's switch calls it. What a payload becomes is the hub's matter.
 */
import { SyncError } from '@syncline/protocol';
import type { Appended } from '../broker/broker.ts';
import type { Channel } from '../channel.ts';
import type { Intake } from '../hub/admission.ts';
import type { Context } from './context.ts';
import { Scope } from './scope.ts';
import type { Subscription } from './subscriptions.ts';
import type { Publish } from './tools.ts';
import { vet } from './vetting.ts';

export class Publishing {
  readonly #context: Context;
  readonly #scope = new Scope();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Appends for the client; the answer is an `ack` or an `error` for its `ref`. */
  publish(request: Publish): void {
    const { requests, rights, subscriptions, tools } = this.#context;
    const { ref, channel: name, data } = request;
    const subscription = subscriptions.get(name);
    if (!subscription || !this.#knows(subscription) || requests.line(name))
      return requests.run(ref, name, () => this.#publish(request));
    // The hot path: nothing to wait for, nothing to validate, so the append is called before this function returns.
    if (!requests.admit(ref)) return;
    try {
      const { channel, definition } = subscription;
      this.#append(channel, request, tools.hub.admission.take(name, data, definition, rights));
    } catch (thrown) {
      this.#context.answerError(ref, thrown);
    }
  }

  /** Whether a publish needs nothing to be waited for: it is granted, and nobody wants to look at it. */
  #knows({ publishes, definition }: Subscription): boolean {
    const { tools, rights } = this.#context;
    return publishes && !definition.schema && !tools.access.screens && !rights.ended;
  }

  async #publish(request: Publish): Promise<void> {
    const context = this.#context;
    const { channel: name, data } = request;
    const definition = context.definition(name);
    let rights = await context.demand('publish', name, definition);
    const intake = await vet(context.tools, rights, name, definition, data);
    const channel = await context.channel(name);
    // Rights may have been renewed, or withdrawn with the session, while this was looked at.
    while (rights !== context.rights) rights = await context.demand('publish', name, definition);
    if (context.ending) throw new SyncError('restart');
    context.tools.access.good(context.rights.identity);
    this.#append(channel, request, intake);
  }

  #append(channel: Channel, { ref, producer, sequence = 0 }: Publish, { append }: Intake): void {
    const context = this.#context;
    const { identity } = context.rights;
    const scoped = producer === undefined ? undefined : { id: this.#scope.of(identity, producer), sequence };
    const { keep } = channel.settings;
    const stored = channel.appendNow({ ...append, from: identity.user, producer: scoped, keep });
    if (!(stored instanceof Promise)) return this.#acknowledge(ref, stored);
    context.requests.begin();
    stored.then(
      (appended) => {
        this.#acknowledge(ref, appended);
        context.requests.end();
      },
      (thrown: unknown) => {
        context.answerError(ref, thrown);
        context.requests.end();
      },
    );
  }

  #acknowledge(ref: number, { epoch, offset, check }: Appended): void {
    this.#context.say({ type: 'ack', ref, position: { epoch, offset, check } });
  }
}
