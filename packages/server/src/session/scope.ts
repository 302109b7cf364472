/**
 * Producer ids as logs know them: a producer id is its user's own, so that nobody else can spend its sequence numbers. A session
 * has one of these; most clients have one producer, so one is remembered.
 */
export class Scope {
  #id = '';
  #scoped = '';

  /** The id of a user's producer; a session's user never changes. */
  of(user: string | null, id: string): string {
    if (user === null) return id;
    if (id !== this.#id) this.#scoped = `${user}/${id}`;
    this.#id = id;
    return this.#scoped;
  }
}
