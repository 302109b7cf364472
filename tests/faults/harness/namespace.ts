/**
 * A network of its own for nodes: a pair of virtual cards between it and the rest of this machine, on which the system itself loses
 * packets, by chance or by their size. Real TCP goes over it, with its own repetitions. Only root of a Linux machine may make one.
 */
import { spawnSync } from 'node:child_process';
import type { Beside } from './beside.ts';

/** Bytes of a packet's Ethernet header, which counts where sizes are compared. */
const headerBytes = 14;
/** Where packets are sent that are to be lost: a class whose queue has no room. */
const nowhere = '1:2';
const nowhereId = 0x10002;

let made = 0;

export class Namespace implements Beside {
  readonly quirks: { readonly host: string };
  readonly by: readonly string[];
  readonly #name: string;
  readonly #cards: readonly Card[];

  constructor(name: string, host: string, cards: readonly Card[]) {
    this.#name = name;
    this.#cards = cards;
    this.quirks = { host };
    this.by = ['nsenter', `--net=/run/netns/${name}`];
  }

  /** Why there can be none here; undefined when there can. It is tried, in a network that is gone at once. */
  static needs(): string | undefined {
    if (process.getuid?.() !== 0) return 'it needs root, to make a network';
    const card = { name: 'syncline0', within: [] };
    const tried = [
      ['ip', 'link', 'add', card.name, 'type', 'veth', 'peer', 'name', 'syncline1'],
      ...queues(card.name),
      losing(card, anyOf(0.5)),
    ];
    const script = tried.map((words) => words.map((word) => `'${word}'`).join(' ')).join(' && ');
    const { status, stderr, error } = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8' });
    if (status === 0) return undefined;
    return `this machine can't lose packets (${error?.message ?? stderr.trim().replaceAll('\n', ', ')})`;
  }

  /** @throws Error when the system refuses */
  static async open(): Promise<Namespace> {
    const id = `${process.pid}x${made++}`;
    const name = `syncline-${id}`;
    const [near, far] = [`sl${id}a`, `sl${id}b`];
    const net = `10.${200 + (process.pid % 50)}.${Math.floor(process.pid / 50) % 250}`;
    const within = ['-n', name];
    run('ip', 'netns', 'add', name);
    run('ip', 'link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name);
    run('ip', 'addr', 'add', `${net}.1/30`, 'dev', near);
    run('ip', ...within, 'addr', 'add', `${net}.2/30`, 'dev', far);
    run('ip', ...within, 'link', 'set', 'lo', 'up');
    const cards = [
      { name: near, within: [] },
      { name: far, within },
    ];
    for (const card of cards) {
      run('ip', ...card.within, 'link', 'set', card.name, 'up');
      for (const [command = '', ...args] of queues(card.name)) run(command, ...card.within, ...args);
    }
    return new Namespace(name, `${net}.2`, cards);
  }

  /** Loses that share of all packets, both ways, by chance. */
  loses(share: number): void {
    this.#filter(anyOf(share));
  }

  /** Loses every packet that is larger, both ways, and nobody is told: an MTU black hole. */
  narrows(bytes: number): void {
    this.#filter(largerThan(bytes + headerBytes));
  }

  /** Loses nothing from now on. */
  heal(): void {
    for (const { name, within } of this.#cards)
      run('tc', ...within, 'filter', 'del', 'dev', name, 'parent', '1:');
  }

  /** Packets that were lost so far. */
  get lost(): number {
    return this.#cards.reduce((sum, { name, within }) => {
      const shown = run('tc', ...within, '-s', 'class', 'show', 'dev', name);
      const own = shown.split('class htb').find((text) => text.trimStart().startsWith(nowhere)) ?? '';
      return sum + Number(/dropped (\d+)/.exec(own)?.[1] ?? 0);
    }, 0);
  }

  async close(): Promise<void> {
    // Its card goes with it, and with that the other end.
    run('ip', 'netns', 'del', this.#name);
  }

  #filter(program: string): void {
    for (const card of this.#cards) {
      const [command = '', ...args] = losing(card, program);
      run(command, ...args);
    }
  }
}

/** One end, and how commands get to where it is. */
interface Card {
  readonly name: string;
  readonly within: readonly string[];
}

/** Two queues: one for all, and one that nothing fits into. */
function queues(card: string): string[][] {
  return [
    `tc qdisc add dev ${card} root handle 1: htb default 1`,
    `tc class add dev ${card} parent 1: classid 1:1 htb rate 10gbit quantum 60000`,
    `tc class add dev ${card} parent 1: classid ${nowhere} htb rate 8bit quantum 1000`,
    `tc qdisc add dev ${card} parent ${nowhere} handle 2: bfifo limit 1`,
  ].map((command) => command.split(' '));
}

/** Sends what a program of the kernel's packet filter picks to where it is lost. */
function losing({ name, within }: Card, program: string): string[] {
  return ['tc', ...within, 'filter', 'add', 'dev', name, 'parent', '1:', 'bpf', 'bytecode', program];
}

/** Picks that share: loads a random number of 32 bits, and compares it. */
function anyOf(share: number): string {
  return `4,32 0 0 4294963256,37 0 1 ${Math.floor((1 - share) * 2 ** 32) - 1},6 0 0 ${nowhereId},6 0 0 0`;
}

/** Picks packets of more bytes: loads the length, and compares it. */
function largerThan(bytes: number): string {
  return `4,128 0 0 0,37 0 1 ${bytes},6 0 0 ${nowhereId},6 0 0 0`;
}

function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}
