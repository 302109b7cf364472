/**
 * What stands under the keys of members where several nodes share the logs: what this node's entries say of it, whether what stands
 * is still what it put there, and whose a key is when it isn't. Leases ask it; it appends nothing and knows no session.
 */
import { type StateValue, withFacts } from '@syncline/protocol/wire';
import type { Append } from '../broker/broker.ts';
import type { Values } from '../fold/state.ts';

/** What must be known of the other nodes. */
export interface Shared {
  /** This node's name, which stands in the entries of the members that it holds (rule N8). */
  readonly node: string;
  /** The time that all nodes go by, in ms since 1970. */
  now(): number;
  /** What stands in a companion that is open here. */
  values(channel: string): Values | undefined;
}

/** What a member enters with. */
export type MemberAppend = Omit<Append, 'keep'>;

/** Of a member, what this node believes. */
export interface Believed {
  readonly room: { readonly name: string };
  readonly key: string;
  /** When its session entered, by the time of all nodes: of two nodes it is the newer one's. */
  readonly enteredAt: number;
  /**
   * What stands under the key, and where; null: nothing; undefined: nobody knows, since an append was never answered. At offset 0
   * it stood in a log that is another one now.
   */
  readonly stored: { readonly append: MemberAppend; readonly offset: number } | null | undefined;
}

/** Whose a key is, and at which offset it stands. */
export interface Verdict {
  /**
   * `same`: as believed. `ours`: it is this node's, but isn't what this node believes. `theirs`: another node's; `older`: likewise, but
   * of a session from before ours. `nobody`: nothing stands there.
   */
  readonly whose: 'same' | 'ours' | 'theirs' | 'older' | 'nobody';
  /** 0 where nothing stands. */
  readonly offset: number;
}

export class Standing {
  /** Undefined where the logs are this node's own, and nothing changes behind its back. */
  readonly shared: Shared | undefined;

  constructor(shared: Shared | undefined) {
    this.shared = shared;
  }

  /** When somebody enters who enters now. */
  now(): number {
    return this.shared?.now() ?? 0;
  }

  /** An entry as it is appended: it says which node holds it, and since when. */
  marked(append: MemberAppend, at: number, ifKeyAt?: number): MemberAppend {
    if (!this.shared) return append;
    return { ...append, data: withFacts(String(append.data), { at, node: this.shared.node }), ifKeyAt };
  }

  /** Where what this node put under a key stands; 0: nowhere; undefined: wherever it stands, it is this node's. */
  offsetOf({ room, key, stored }: Believed): number | undefined {
    const { shared } = this;
    if (!shared || stored) return stored?.offset;
    // If what was never answered comes to be stored after all, the reaper finds a key that nobody holds.
    const value = shared.values(room.name)?.get(key);
    return value && this.#isOwn(value) ? value.version : 0;
  }

  /** Whose a key is, as far as the log was read. */
  judge({ room, key, stored, enteredAt }: Believed): Verdict {
    const values = this.shared?.values(room.name);
    const value = values?.get(key);
    const offset = value?.version ?? 0;
    const own = value !== undefined && this.#isOwn(value);
    const unread = stored ? stored.offset > (values?.offset ?? 0) || stored.offset === value?.version : own;
    if (!values || stored === null || unread || (!value && !stored)) return { whose: 'same', offset };
    if (!value) return { whose: 'nobody', offset };
    return { whose: own ? 'ours' : this.#isNewer(value, enteredAt) ? 'theirs' : 'older', offset };
  }

  #isOwn({ node }: StateValue): boolean {
    return node === this.shared?.node;
  }

  /** Whether another node's member entered after ours; of two at once that of one of the two nodes, for both the same. */
  #isNewer({ at, since, node = '' }: StateValue, enteredAt: number): boolean {
    const theirs = at ?? since;
    return theirs > enteredAt || (theirs === enteredAt && node > (this.shared?.node ?? ''));
  }
}
