/**
 * What ends when: the next one to end is at hand, and one that is put off or gone costs little. A folder keeps in it what
 * has a time to live. It is a heap whose members know their places; it knows no clock.
 */

/** A member of the queue. The queue keeps both numbers. */
export interface Ending {
  /** When it ends, in ms since 1970. */
  due: number;
  /** Where it stands; below 0 while it isn't in the queue. */
  place: number;
}

export class Endings<Member extends Ending> {
  readonly #heap: Member[] = [];

  /** The one that ends first. */
  get first(): Member | undefined {
    return this.#heap[0];
  }

  /** Adds one that is in no queue. */
  add(member: Member, due: number): void {
    member.due = due;
    this.#put(member, this.#heap.length);
    this.#rise(member);
  }

  /** Takes one out, if it is in. */
  remove(member: Member): void {
    const { place } = member;
    if (place < 0) return;
    member.place = -1;
    const last = this.#heap.pop();
    if (!last || last === member) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #put(member: Member, place: number): void {
    this.#heap[place] = member;
    member.place = place;
  }

  #rise(member: Member): void {
    for (;;) {
      const { place } = member;
      const above = this.#heap[(place - 1) >> 1];
      if (place === 0 || !above || above.due <= member.due) return;
      this.#put(member, above.place);
      this.#put(above, place);
    }
  }

  #sink(member: Member): void {
    for (;;) {
      const { place } = member;
      const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]];
      const below = right && left && right.due < left.due ? right : left;
      if (!below || below.due >= member.due) return;
      this.#put(member, below.place);
      this.#put(below, place);
    }
  }
}
