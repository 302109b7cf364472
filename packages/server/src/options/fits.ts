/**
 * Whether what stands for an option is of its kind: a path, origins, a certificate with its key. The options' table asks; nobody
 * here knows what the option is for.
 */

/** A path of an address, such as `/sync`. */
export function isPath(value: unknown): boolean {
  return typeof value === 'string' && /^\/[A-Za-z0-9_\-./]*$/.test(value);
}

/** A list of origins, each written as browsers write them. */
export function isOrigins(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (origin) => typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin,
    )
  );
}

/** `{ cert, key }`, each a path or the bytes of a PEM file. */
export function isTls(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('cert' in value && 'key' in value)) return false;
  const { cert, key, ...more } = value;
  const fits = (part: unknown): boolean =>
    (typeof part === 'string' && part !== '') || (part instanceof Uint8Array && part.length > 0);
  return fits(cert) && fits(key) && Object.keys(more).length === 0;
}

/** What can be told of errors: `console` and pino, say. */
export function isLogger(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'error' in value && typeof value.error === 'function';
}
