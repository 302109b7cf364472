/**
 * A value as a sentence shows it, for whoever refuses one: options, arguments, payloads. It knows nothing of what the value is for,
 * and is not for secrets.
 */

/** A value as a message shows it: `"5" (string)`. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.slice(0, 60))} (string)`;
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (typeof value !== 'object') return `${String(value).slice(0, 60)} (${typeof value})`;
  return Array.isArray(value) ? 'a list' : 'an object';
}
