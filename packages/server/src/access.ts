/**
 * Who a session is, and what it may do. The handshake asks for an identity before a connection takes a slot; sessions ask
 * their rights at each use. It knows requests, identities and the contract's words; no channel and no transport.
 */
import { type Definition, SyncError } from '@syncline/protocol';
import { type Clock, splitName } from '@syncline/protocol/wire';
import type { KeyRing, Power } from './access/apikeys.ts';
import { compile, type May } from './access/capabilities.ts';
import { TicketDesk } from './access/desk.ts';
import { type Action, type Identity, readIdentity } from './access/identity.ts';
import { Revoked } from './access/tokens.ts';
import type { Broker } from './broker/broker.ts';
import { type Logger, reason } from './observe.ts';

export type { Action, Capabilities, Identity } from './access/identity.ts';

/** Where somebody calls, and from where. */
export interface Caller {
  /** The path that was asked for, with its query; when a session renews its rights without what was a ticket or a token in it. */
  readonly url: string;
  readonly remoteAddress: string;
}

/** What `authenticate` gets of a handshake: its headers, its address, and the token, if the client sent one. */
export interface Credentials extends Caller {
  /** Empty when a session renews its rights: a new token is all that the client sends then. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** From `Authorization: Bearer …`, or from the subprotocol `bearer.…` that the client SDK sends. */
  readonly token: string | null;
}

/**
 * Finds out who is asking, at each handshake and each time a session sends a new token. Throw to refuse: a SyncError as it
 * is, anything else as `unauthenticated`.
 */
export type Authenticate = (credentials: Credentials) => Identity | Promise<Identity>;

/** Whether someone may do that, for what neither their capabilities nor the contract allow. Asked at each use. */
export type Authorize = (identity: Identity, action: Action, channel: string) => boolean | Promise<boolean>;

/** What is about to be appended for a client. */
export interface Attempt {
  readonly identity: Identity;
  readonly channel: string;
  /** The key that is written, on a channel that has keys. */
  readonly key?: string | undefined;
  /** The payload or the key's value, parsed and validated; undefined when the key is removed. */
  readonly data: unknown;
}

/**
 * Looks at what a client publishes before it is stored. Throw a SyncError to refuse it; return `{ data }` to store
 * something else. A repeated publish is looked at again, so its effects must bear repetition.
 */
export type BeforePublish = (
  attempt: Attempt,
) => undefined | { readonly data: unknown } | Promise<undefined | { readonly data: unknown }>;

export interface AccessSettings {
  readonly authenticate: Authenticate | null;
  readonly authorize: Authorize | null;
  readonly beforePublish: BeforePublish | null;
  /** Whose API keys are taken; left out: none are. */
  readonly apiKeys?: KeyRing | undefined;
  /** The query parameter that a token may come in; null: none, since addresses end up in logs. */
  readonly tokenParameter: string | null;
  /** How long any of the three may take; then the answer is no. */
  readonly hookMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The time that all nodes go by, in ms since 1970. Default: the clock's. */
  readonly sharedNow?: () => number;
  /** Resolves once it is known which tokens are revoked: nobody is let in before. */
  readonly known?: Promise<void>;
  /** Where nodes share it tickets are good at each of them. */
  readonly broker?: Broker;
}

/** An identity that is being found out. */
interface Finding {
  readonly since: number;
  readonly withdrawn: Set<string>;
}

const nobody: Identity = Object.freeze({ user: null });

export class Access {
  readonly #settings: AccessSettings;
  readonly #revoked: Revoked;
  readonly #tickets: TicketDesk;
  /** For each identity that is being found out: since when, and the users who were sent away meanwhile. */
  readonly #finding = new Set<Finding>();
  /** When it was begun to find out each identity, by the time of all nodes. */
  readonly #foundAt = new WeakMap<Identity, number>();
  /** What has to be known before anybody is let in; undefined once it is. */
  #unknown: Promise<void> | undefined;
  /** What ends the waiting for the hooks that are asked right now. */
  readonly #asking = new Set<(error: SyncError) => void>();
  #rightsOfNobody: Rights | undefined;

  constructor(settings: AccessSettings) {
    this.#settings = settings;
    this.#revoked = new Revoked({ clock: settings.clock });
    this.#tickets = new TicketDesk(settings.clock, settings.broker);
    this.#unknown = settings.known?.then(() => {
      this.#unknown = undefined;
    });
    // Whoever asks to be let in is told.
    this.#unknown?.catch(() => {});
  }

  /** Whether nobody is asked who they are, so that whoever gets in may do everything. */
  get open(): boolean {
    return this.#settings.authenticate === null;
  }

  /** Whether what clients publish is looked at first. */
  get screens(): boolean {
    return this.#settings.beforePublish !== null;
  }

  /**
   * Who is asking: whoever a one-time ticket in the address stands for, whoever has that API key, or whom `authenticate` takes
   * them for.
   *
   * @throws SyncError `unauthenticated`, `expired`, `revoked`, `unavailable`, or what the hook threw.
   */
  async identify(credentials: Credentials): Promise<Identity> {
    if (this.open) return nobody;
    await this.#knows();
    const query = new URLSearchParams(credentials.url.split('?')[1]);
    const shown = this.#withToken(credentials, query);
    if (query.has('ticket')) return this.good(await this.#redeem(query.getAll('ticket'), shown));
    return this.#settings.apiKeys?.identify(shown) ?? (await this.#authenticate(shown));
  }

  /** Whether somebody may do what no channel's capabilities are about: only API keys that say so, and anybody where nobody is asked. */
  allows(identity: Identity, power: Power): boolean {
    return this.open || (this.#settings.apiKeys?.may(identity, power) ?? false);
  }

  /** A word that opens one connection as whoever is asking, for a short time: it may stand in an address (`?ticket=…`). */
  async issueTicket(
    credentials: Credentials,
  ): Promise<{ readonly ticket: string; readonly expiresMs: number }> {
    // A ticket buys no other: whoever asks is found out anew.
    const query = new URLSearchParams(credentials.url.split('?')[1]);
    const shown = this.#withToken(credentials, query);
    if (this.#settings.apiKeys?.identify(shown))
      throw new SyncError(
        'forbidden',
        'An API key gets no tickets, which stand for users. Send it in the header.',
      );
    const identity = await this.#authenticate(shown);
    return await this.#tickets.issue(identity, this.#foundAt.get(identity) ?? 0);
  }

  /** What of credentials is known of a session for as long as it lives: nothing that lets anybody in. */
  caller({ url, remoteAddress }: Caller): Caller {
    const [path = '', search] = url.split('?');
    if (search === undefined) return { url, remoteAddress };
    const { tokenParameter } = this.#settings;
    const query = new URLSearchParams(search);
    query.delete('ticket');
    if (tokenParameter !== null) query.delete(tokenParameter);
    return { url: query.size > 0 ? `${path}?${query}` : path, remoteAddress };
  }

  /** Waits for no hook any more: the server leaves. */
  close(): void {
    for (const giveUp of this.#asking) giveUp(new SyncError('restart'));
  }

  /**
   * Takes back what lets a user in: tickets, and what is being found out about them right now.
   *
   * @param at who was asked for later than this may still come in; default: nobody
   */
  withdraw(user: string, at = Number.POSITIVE_INFINITY): void {
    this.#tickets.withdraw(user, Math.min(at, this.#sharedNow()), (identity) => this.foundBy(identity, at));
    for (const { since, withdrawn } of this.#finding) if (since <= at) withdrawn.add(user);
  }

  /** Whether it was begun by then to find out who this is. */
  foundBy(identity: Identity, at: number): boolean {
    return (this.#foundAt.get(identity) ?? 0) <= at;
  }

  /** Refuses a token from now on, until it would have ended anyway. */
  revoke(tokenId: string, untilMs: number): void {
    this.#revoked.add(tokenId, untilMs);
  }

  /** What this identity may do. */
  rights(identity: Identity): Rights {
    if (identity !== nobody) return new Rights(identity, this);
    this.#rightsOfNobody ??= new Rights(nobody, this);
    return this.#rightsOfNobody;
  }

  /** What is stored instead of a payload; undefined when it is stored as it is. @throws SyncError, whatever goes wrong. */
  async screen(attempt: Attempt): Promise<{ readonly data: unknown } | undefined> {
    const { beforePublish } = this.#settings;
    return beforePublish
      ? await this.#inTime(async () => beforePublish(attempt), 'to look at what you published')
      : undefined;
  }

  /** What `authorize` says. @throws what it threw, or `unavailable` when it took too long. */
  async ask(identity: Identity, action: Action, channel: string): Promise<boolean> {
    const { authorize } = this.#settings;
    if (!authorize) return false;
    return await this.#inTime(
      async () => authorize(identity, action, channel),
      'to find out what you may do',
    );
  }

  /** Whether an identity's rights have ended. */
  ended({ expiresAt }: Identity): boolean {
    return expiresAt !== undefined && expiresAt <= this.now();
  }

  now(): number {
    return this.#settings.clock.now();
  }

  /** The same identity, if its rights still hold: asked once more when its session opens. @throws SyncError `expired`, `revoked` */
  good(identity: Identity): Identity {
    if (this.ended(identity)) throw new SyncError('expired', 'What you came with has ended already.');
    if (identity.tokenId !== undefined && this.#revoked.has(identity.tokenId)) throw new SyncError('revoked');
    return identity;
  }

  #sharedNow(): number {
    return this.#settings.sharedNow?.() ?? this.now();
  }

  /** Waits until it is known who must not come in. @throws SyncError `unavailable` */
  async #knows(): Promise<void> {
    const unknown = this.#unknown;
    if (!unknown) return;
    try {
      await this.#inTime(() => unknown, 'to find out which tokens are revoked');
    } catch (thrown) {
      if (thrown instanceof SyncError && thrown.code === 'restart') throw thrown;
      throw new SyncError('unavailable', 'This server has only just started. Try again.');
    }
  }

  async #redeem([ticket, ...more]: readonly string[], { token }: Credentials): Promise<Identity> {
    const alone = ticket !== undefined && more.length === 0 && token === null;
    const { identity, foundAt } = (alone && (await this.#tickets.redeem(ticket))) || {};
    if (identity && foundAt) this.#foundAt.set(identity, foundAt);
    if (identity) return identity;
    throw new SyncError(
      'unauthenticated',
      'The ticket is used, too old, or came with other credentials. Ask for a new one.',
    );
  }

  #withToken(credentials: Credentials, query: URLSearchParams): Credentials {
    const { tokenParameter } = this.#settings;
    const [token, ...more] = tokenParameter === null ? [] : query.getAll(tokenParameter);
    if (token === undefined) return credentials;
    if (more.length === 0 && credentials.token === null) return { ...credentials, token };
    throw new SyncError('unauthenticated', 'Send one token, in one place.');
  }

  async #authenticate(credentials: Credentials): Promise<Identity> {
    const { authenticate } = this.#settings;
    if (!authenticate) return nobody;
    // What was found out before a user was sent away is not believed after.
    const finding: Finding = { since: this.#sharedNow(), withdrawn: new Set() };
    this.#finding.add(finding);
    try {
      const given = await this.#inTime(async () => authenticate(credentials), 'to find out who you are');
      const identity = this.good(readIdentity(given));
      if (identity.user !== null && finding.withdrawn.has(identity.user)) throw new SyncError('disconnected');
      this.#foundAt.set(identity, finding.since);
      return identity;
    } catch (thrown) {
      throw this.#refusal(thrown);
    } finally {
      this.#finding.delete(finding);
    }
  }

  /** Whoever is refused is told no reason but the table's; whoever runs the node is told what keeps it from knowing anyone. */
  #refusal(thrown: unknown): SyncError {
    if (!(thrown instanceof SyncError)) return new SyncError('unauthenticated');
    if (thrown.code === 'unavailable')
      this.#settings.logger.error(
        { reason: reason(thrown.cause ?? thrown) },
        'Who is asking could not be found out, so they were refused.',
      );
    return thrown;
  }

  #inTime<T>(run: () => Promise<T>, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (error: SyncError): void => {
        done();
        reject(error);
      };
      const cancel = this.#settings.clock.timer(this.#settings.hookMs, () =>
        giveUp(new SyncError('unavailable', `It took too long ${what}. Try again.`)),
      );
      const done = (): void => {
        cancel();
        this.#asking.delete(giveUp);
      };
      this.#asking.add(giveUp);
      run().then(resolve, reject).finally(done);
    });
  }
}

/** What one identity may do. It changes for no one: a session whose rights are renewed gets another. */
export class Rights {
  readonly identity: Identity;
  readonly #access: Access;
  readonly #may: May | undefined;

  constructor(identity: Identity, access: Access) {
    this.identity = identity;
    this.#access = access;
    this.#may = identity.capabilities && compile(identity.capabilities);
  }

  /** Time in ms until they end; null when they don't. */
  get leftMs(): number | null {
    const { expiresAt } = this.identity;
    return expiresAt === undefined ? null : Math.max(0, expiresAt - this.#access.now());
  }

  /** Whether they have ended: a timer may be late, a question at use is not. */
  get ended(): boolean {
    return this.#access.ended(this.identity);
  }

  /** Whether this is allowed for as long as the rights last, without asking anyone. */
  grant(action: Action, channel: string, definition: Definition): boolean {
    const asked = judgedAs(action, channel, definition);
    return (
      this.#access.open ||
      definition.anonymous.includes(asked.action) ||
      (this.#may?.(asked.action, asked.channel) ?? false)
    );
  }

  /**
   * Whether a key is this identity's own (rule K7): its user's name, or what begins with it and a `/`. A name that holds a `/`
   * itself has none, since another one may begin it. An API key is your backend's, and writes for everybody.
   */
  ownsKey(key: string): boolean {
    const { user, apiKey } = this.identity;
    if (this.#access.open || apiKey !== undefined) return true;
    return user !== null && !user.includes('/') && (key === user || key.startsWith(`${user}/`));
  }

  /** @throws SyncError `forbidden` when this isn't allowed now, `expired` when nothing is any more. */
  async demand(action: Action, channel: string, definition: Definition): Promise<void> {
    const asked = judgedAs(action, channel, definition);
    if (!this.ended && (this.grant(action, channel, definition) || (await this.#asked(asked)))) return;
    if (this.ended) throw new SyncError('expired');
    const what = asked.action === 'presence' ? 'enter, signal or see who is there' : asked.action;
    throw new SyncError(
      'forbidden',
      `You may not ${what} on "${asked.channel}": your capabilities don't allow it, nor does anything else.`,
    );
  }

  /** A hook that fails allows nothing. */
  async #asked({ action, channel }: Asked): Promise<boolean> {
    try {
      return (await this.#access.ask(this.identity, action, channel)) === true && !this.ended;
    } catch (thrown) {
      if (thrown instanceof SyncError) throw thrown;
      return false;
    }
  }
}

/** What is asked of capabilities and hooks. */
interface Asked {
  readonly action: Action;
  readonly channel: string;
}

/** Whatever is done with a companion is judged as one action on the channel that it stands beside (rule C4). */
function judgedAs(action: Action, channel: string, { governedBy }: Definition): Asked {
  return governedBy ? { action: governedBy, channel: splitName(channel)[0] } : { action, channel };
}
