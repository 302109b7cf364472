/**
 * Asks Sentinels which Redis is the master. They may be of different minds while a failover is under way, so what most of them say
 * counts. Whether it really is one, whoever dials it finds out.
 */
import type { Cancel } from '@syncline/protocol/wire';
import { type Address, Connection, type Dial, nameOf } from './connection.ts';
import { Unanswered, Unfit } from './faults.ts';
import { type AddressMap, reach } from './topology.ts';

/** How often they are asked besides, so that a master which others have replaced, and which nobody told, is left. */
const askedMs = 5000;

export interface SentinelSetting {
  readonly dial: Dial;
  /** What they call the master. */
  readonly name: string;
  readonly nodes: readonly Address[];
  readonly addressMap?: AddressMap | undefined;
  /** Called with the master that they name, now and then. */
  onMaster(address: Address): void;
}

export class Sentinels {
  readonly #setting: SentinelSetting;
  readonly #connections = new Map<Address, Connection>();
  #asking: Promise<Address> | undefined;
  #cancel: Cancel;
  #closed = false;

  constructor(setting: SentinelSetting) {
    this.#setting = setting;
    this.#cancel = this.#later();
  }

  /** The master that most of them name. @throws Unanswered, Unfit */
  master(): Promise<Address> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const connection of this.#connections.values()) connection.close();
  }

  #later(): Cancel {
    const { clock } = this.#setting.dial;
    return clock.timer(askedMs * (0.5 + clock.random()), () => {
      this.#cancel = this.#later();
      this.master().then(
        (address) => !this.#closed && this.#setting.onMaster(address),
        () => {
          // They are asked again; a master that works needs none of them.
        },
      );
    });
  }

  /** Answers as soon as more than half of all name the same one, or when nobody else will. */
  async #ask(): Promise<Address> {
    const { nodes, addressMap, name } = this.#setting;
    const votes = new Map<string, { readonly address: Address; count: number }>();
    const failures: Error[] = [];
    const chosen = await new Promise<Address | undefined>((resolve) => {
      let left = nodes.length;
      const done = (): void => {
        if (--left > 0) return;
        const [most] = [...votes.values()].sort((a, b) => b.count - a.count);
        resolve(most?.address);
      };
      const vote = (said: { host: string; port: number }): void => {
        const known = votes.get(nameOf(said)) ?? { address: reach(said, addressMap), count: 0 };
        votes.set(nameOf(said), known);
        if (++known.count > nodes.length / 2) resolve(known.address);
      };
      for (const node of nodes)
        this.#askOne(node)
          .then(vote)
          .catch((thrown: unknown) => void failures.push(thrown as Error))
          .finally(done);
    });
    if (chosen) return chosen;
    const unfit = failures.find((failure) => failure instanceof Unfit);
    throw unfit ?? new Unanswered(`No Sentinel names the master ${name}: ${failures[0]?.message}`);
  }

  async #askOne(node: Address): Promise<{ host: string; port: number }> {
    const { dial, name } = this.#setting;
    let connection = this.#connections.get(node);
    if (!connection?.open) {
      connection = await Connection.open(dial, node, () => {});
      if (this.#closed) connection.close();
      this.#connections.set(node, connection);
    }
    try {
      const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name];
      return addressOf(await connection.send(command, dial.connectMs), name, nameOf(node));
    } catch (thrown) {
      // One that doesn't answer may hang: the next question goes over a new connection.
      if (thrown instanceof Unanswered) connection.close();
      throw thrown;
    }
  }
}

function addressOf(reply: unknown, name: string, sentinel: string): { host: string; port: number } {
  if (reply === null) throw new Unfit(`The Sentinel at ${sentinel} knows no master "${name}".`);
  const [host, last]: readonly unknown[] = Array.isArray(reply) ? reply : [];
  const port = Number(String(last));
  if (host === undefined || !Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Unanswered(`The Sentinel at ${sentinel} said something that can't be read.`);
  return { host: String(host), port };
}
