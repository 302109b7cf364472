/**
 * Puts the news of one log in order: what this node appended, what others announce and what a look at the head tells become one
 * sequence of entries, each told once. What comes before its turn waits a moment for what is missing. A log owns one while
 * somebody listens to it; it knows nothing of Redis.
 */
import type { Cancel, Clock, Entry } from '@syncline/protocol/wire';
import type { Announcement } from '../broker.ts';

/** How long an entry waits for those before it. Then only is told that there are some, and whoever listens reads. */
const missingMs = 100;
/** Pieces of news that wait; beyond it they aren't waited for. */
const earlyMax = 256;
/** Checks held of what was told last, by which a log that was rolled back shows. */
const checksMax = 256;

/** Where a log ends. */
export interface Place {
  readonly epoch: string;
  readonly offset: number;
  readonly check: number;
}

export class Order {
  readonly #clock: Clock;
  readonly #tell: (news: Announcement) => void;
  /** Up to where it was told; undefined before the first news. */
  #told: Place | undefined;
  #checks = new Map<number, number>();
  /** News whose turn hasn't come: entries are missing before it. */
  #early: Announcement[] = [];
  /** Of this node's own appends, until their answer is here: an author's answer goes first. */
  #own: Announcement[] = [];
  #underWay = 0;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, tell: (news: Announcement) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** The place up to which it was told. */
  get told(): Place | undefined {
    return this.#told;
  }

  /** This node begins to append. */
  begin(): void {
    this.#underWay++;
  }

  /** Its append was answered, or never will be. What it stored, as its answer says, is told now. */
  settle(news?: Announcement): void {
    this.#underWay--;
    if (news) this.#receive(news);
    if (this.#underWay > 0) return;
    const own = this.#own;
    this.#own = [];
    for (const one of own) this.#receive(one);
  }

  /** Something was announced; `own`: by this node. */
  hear(news: Announcement, own: boolean): void {
    if (own && this.#underWay > 0) this.#own.push(news);
    else this.#receive(news);
  }

  /**
   * The head of the log was looked at: a last announcement may have been lost, and the log rolled back.
   *
   * @param before what was told when it was asked for; that was in the log then
   * @param head undefined: there is no log
   */
  look(before: Place | undefined, head: Place | undefined): void {
    const told = this.#told;
    const { epoch, offset, check } = head ?? { epoch: '', offset: 0, check: 0 };
    const top = { offset, check };
    if (told && told.epoch !== epoch) {
      // Who was told something meanwhile may know better: it shows at the next look.
      if (told === before) this.#replace({ epoch, top, entries: [], asked: true });
      return;
    }
    const known = told && (offset === told.offset ? told.check : this.#checks.get(offset));
    const lost = before && before.epoch === epoch && offset < before.offset;
    if (!told || lost || (known !== undefined && known !== check))
      this.#replace({ epoch, top, entries: [], asked: true });
    else if (offset > told.offset) this.#wait({ epoch, top, entries: [] });
  }

  /** Tells no more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#early = [];
    this.#own = [];
  }

  #receive(news: Announcement): void {
    const told = this.#told;
    if (!told || news.epoch !== told.epoch) return this.#replace(news);
    const { top, entries } = news;
    const contradicts = (offset: number, check: number): boolean => {
      const known = offset === told.offset ? told.check : this.#checks.get(offset);
      return known !== undefined && known !== check;
    };
    const known = entries.find(({ offset, check }) => contradicts(offset, check));
    // What was told is not what is stored any more: the log was rolled back.
    if (known || contradicts(top.offset, top.check)) return this.#replace({ ...news, asked: true });
    if (top.offset <= told.offset) return;
    const [first] = entries;
    if (!first) this.#skip(news);
    else if (first.offset > told.offset + 1) return this.#wait(news);
    else this.#follow({ ...news, entries: entries.filter(({ offset }) => offset > told.offset) });
    this.#retryEarly();
  }

  /** It follows what was told. */
  #follow(news: Announcement): void {
    for (const entry of news.entries) this.#note(entry);
    this.#told = { epoch: news.epoch, ...news.top };
    this.#tell(news);
  }

  /** What lies between isn't told: whoever listens reads. */
  #skip(news: Announcement): void {
    this.#checks = new Map([[news.top.offset, news.top.check]]);
    this.#follow({ ...news, entries: [] });
  }

  /** The log is another one than was known, or nothing was known of it. */
  #replace(news: Announcement): void {
    this.#checks = new Map();
    this.#early = this.#early.filter(
      ({ epoch, top }) => epoch === news.epoch && top.offset > news.top.offset,
    );
    this.#follow(news);
    this.#retryEarly();
  }

  #note({ offset, check }: Entry): void {
    this.#checks.set(offset, check);
    if (this.#checks.size <= checksMax) return;
    for (const oldest of this.#checks.keys()) {
      this.#checks.delete(oldest);
      return;
    }
  }

  #wait(news: Announcement): void {
    this.#early.push(news);
    if (this.#early.length >= earlyMax) this.#giveUp();
    else this.#cancel ??= this.#clock.timer(missingMs, () => this.#giveUp());
  }

  /** Tells what waited and has its turn now. */
  #retryEarly(): void {
    const waiting = this.#early;
    if (waiting.length === 0) return;
    this.#early = [];
    for (const news of waiting) {
      if (news.entries.length === 0 && news.top.offset > (this.#told?.offset ?? 0)) this.#early.push(news);
      else this.#receive(news);
    }
    if (this.#early.length > 0) return;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** What is missing doesn't come. */
  #giveUp(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const waiting = this.#early;
    this.#early = [];
    let last: Announcement | undefined;
    for (const news of waiting) if (!last || news.top.offset > last.top.offset) last = news;
    if (last && last.epoch === this.#told?.epoch && last.top.offset > this.#told.offset) this.#skip(last);
  }
}
