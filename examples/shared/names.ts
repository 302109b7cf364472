/**
 * Names that people give: their own, which belongs to a window, so that two windows are two people, and those of rooms and boards,
 * which stand in the address. The pages of the examples share it; it must not know what is called so.
 */

/** The name in this window; null before there is one. */
export const ownName = (): string | null => sessionStorage.getItem('name');
/** The last one in any window, to be offered. */
export const lastName = (): string => localStorage.getItem('name') ?? '';
export function setName(name: string): void {
  for (const storage of [sessionStorage, localStorage]) storage.setItem('name', name);
}

/** One of ten hues, which stays with a name; these numbers let common short names differ. */
export const hueOf = (name: string): number =>
  ([...name].reduce((n, letter) => (n * 25 + letter.charCodeAt(0)) % 1009, 40) % 10) * 36;

/** A name as a channel can carry it; empty when nothing is left of it. */
export function plain(text: string): string {
  const letters = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return letters
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 40);
}

/** The same of what stands behind the `#` of an address, which anybody may have typed. */
export function plainIn(hash: string): string {
  try {
    return plain(decodeURIComponent(hash));
  } catch {
    return plain(hash);
  }
}
