/**
 * Names in the place of addresses: in this process the name `syncline.test` leads where it is told to, or nowhere, and is looked up anew
 * at each attempt, by the means that the platform's own sockets use. Whoever dials knows nothing of it.
 */
import dns from 'node:dns';

/** The name that clients are given. */
export const name = 'syncline.test';

type Callback = (error: Error | null, found?: unknown, family?: number) => void;

/** Follows the name from the first time it is told where to. */
export const names = {
  /** From now on the name stands for that address; null: for none. */
  lead(to: string | null): void {
    this.to = to;
    if (this.following) return;
    this.following = true;
    const usual = dns.lookup as (...args: unknown[]) => void;
    const lookup = (of: string, options: { readonly all?: boolean }, done: Callback): void => {
      if (of !== name) return usual(of, options, done);
      const gone = Object.assign(new Error(`getaddrinfo ENOTFOUND ${of}`), { code: 'ENOTFOUND' });
      const { to } = this;
      setImmediate(() => {
        if (to === null) done(gone);
        else if (options.all) done(null, [{ address: to, family: 4 }]);
        else done(null, to, 4);
      });
    };
    Object.assign(dns, { lookup });
  },
  to: null as string | null,
  following: false,
};
