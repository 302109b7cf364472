/**
 * What a node of the harness has besides, where a scenario asks for it: options that others have not, and ways to bring it into
 * trouble from within. The node's fixture takes it as it is; nothing here knows why a scenario wants it.
 */
import { Log } from '@syncline/cli/log';
import { type Broker, jwt } from '@syncline/server';
import { type Hooks, hooksInTrouble } from './hooks.ts';

export interface Quirks {
  /** Where it is reached. Default: on this machine only. */
  readonly host?: string;
  /** Its hooks go wrong, as in hooks.ts. */
  readonly hooks?: boolean;
  /** Who is told of entries and members. */
  readonly webhook?: { readonly url: string; readonly secret: string };
  /** Where the keys are found by which tokens are judged. */
  readonly keysUrl?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** It logs so many bytes with each append, to its standard output. */
  readonly logBytes?: number;
}

/** What can be asked of a node; each is answered. */
export type NodeCommand =
  | { readonly do: 'holdings' }
  | { readonly do: 'metrics' }
  /** How late its event loop was. */
  | { readonly do: 'loop' }
  | { readonly do: 'revoke'; readonly tokenId: string }
  /** From now on its wall clock is so far ahead of the machine's. */
  | { readonly do: 'clock'; readonly aheadMs: number }
  /** Hooks go well from now on; how often they went wrong, by hook and way, and how many lines the log dropped. */
  | { readonly do: 'hooks' }
  /** Does nothing else for so many ms. */
  | { readonly do: 'block'; readonly ms: number }
  /** Takes memory until there is none. */
  | { readonly do: 'fill' }
  /** Kills itself right after so many appends more were stored: nobody is told of the last one, neither its author nor any reader. */
  | { readonly do: 'die'; readonly afterAppends: number };

/** Options that come of quirks, and what they need at hand. */
export function optionsOf({ hooks, webhook, keysUrl, tls, logBytes }: Quirks) {
  const wrong: Hooks | undefined = hooks ? hooksInTrouble() : undefined;
  const { met, calm, ...inTrouble } = wrong ?? { met: {}, calm: () => {} };
  const log = logBytes === undefined ? undefined : new Log(1);
  return {
    met,
    calm,
    log,
    options: {
      ...(keysUrl !== undefined && {
        authenticate: jwt({ keys: [{ jwksUrl: keysUrl, algs: ['ES256'] }], issuer: null, audience: null }),
      }),
      ...inTrouble,
      ...(log && {
        beforePublish: () => {
          log.write('x'.repeat(logBytes ?? 0));
          return undefined;
        },
      }),
      ...(webhook && { webhooks: [{ ...webhook, channels: ['*'] }] }),
      ...(tls && { tls }),
    },
  };
}

/** Stands still, as an event loop does that somebody computes in. */
export function block(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

/** Takes memory, some of it in each turn, until the process is ended for it. */
export function fill(): void {
  const held: object[] = [];
  const more = (): void => {
    for (let i = 0; i < 20_000; i++) held.push({ i, text: `${i}` });
    setImmediate(more);
  };
  more();
}

/** A broker whose process is killed in the moment between the log and those who are told. */
export class Mortal {
  #left = Number.POSITIVE_INFINITY;
  #over = false;

  /** From now on so many are stored. */
  dieAfter(appends: number): void {
    this.#left = appends;
  }

  wrap(broker: Broker): Broker {
    return new Proxy(broker, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (name === 'append') return (...args: Parameters<Broker['append']>) => this.#append(target, args);
        if (name === 'listen')
          return (channel: string, onNews: Parameters<Broker['listen']>[1]) =>
            target.listen(channel, (news) => this.#over || onNews(news));
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  async #append(broker: Broker, args: Parameters<Broker['append']>): ReturnType<Broker['append']> {
    if (--this.#left === 0) this.#over = true;
    const last = this.#left === 0;
    const appended = await broker.append(...args);
    if (last) process.kill(process.pid, 'SIGKILL');
    return appended;
  }
}
