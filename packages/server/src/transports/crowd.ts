/**
 * How many there are from each address, so that one address can't take what is meant for all. The doors count handshakes
 * and sessions with it. It counts and nothing else: it knows no socket, and what it holds is bounded by what it lets in.
 */
import { isIPv6 } from 'node:net';

export class Crowd {
  readonly #perKeyMax: number;
  readonly #totalMax: number;
  readonly #counts = new Map<string, number>();
  #total = 0;

  /**
   * @param perKeyMax how many of one key may be in at once
   * @param totalMax how many may be in at once, whatever their keys; no more keys than this are ever held
   */
  constructor(perKeyMax: number, totalMax: number) {
    this.#perKeyMax = perKeyMax;
    this.#totalMax = totalMax;
  }

  /** How many are in. */
  get size(): number {
    return this.#total;
  }

  /** How many keys are held: those of which somebody is in. */
  get keys(): number {
    return this.#counts.size;
  }

  /**
   * Lets one more in.
   *
   * @returns what lets it out again, however often it is called; undefined when there is no room.
   * @example
   * const leave = crowd.enter(networkOf('2001:db8::1'))
   */
  enter(key: string): (() => void) | undefined {
    if (!this.admit(key)) return undefined;
    let inside = true;
    return () => {
      if (inside) this.leave(key);
      inside = false;
    };
  }

  /** Lets one more in, who is to be let out with `leave`, once; false when there is no room. */
  admit(key: string): boolean {
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#perKeyMax || this.#total >= this.#totalMax) return false;
    this.#counts.set(key, count + 1);
    this.#total++;
    return true;
  }

  leave(key: string): void {
    this.#total--;
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/**
 * What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is the least that one customer gets.
 * What is neither stands for itself; all that comes through Unix sockets has the empty address.
 *
 * @example
 * networkOf('2001:db8:1:2:3:4:5:6') // '2001:db8:1:2::/64'
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [bare = ''] = address.split('%', 1);
  if (!isIPv6(bare)) return address;
  const groups = groupsOf(bare);
  // An IPv4 address in IPv6 dress.
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 255])
      .join('.');
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = [], tail = []] = address.split('::').map(partOf);
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** The groups on one side of `::`; an IPv4 address at the end stands for two. */
function partOf(text: string): number[] {
  return text
    .split(':')
    .filter((group) => group !== '')
    .flatMap((group) => {
      if (!group.includes('.')) return [Number.parseInt(group, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
}
