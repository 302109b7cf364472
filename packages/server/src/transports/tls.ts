/**
 * The server's own certificate: reads it, says what is wrong with it, and takes a new one while connections go on. Only
 * what listens by itself needs it. It knows files and a server that takes a new context, no request.
 */

/** A certificate with its chain, and its private key: paths of PEM files, or the PEM itself. */
export interface Tls {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}
