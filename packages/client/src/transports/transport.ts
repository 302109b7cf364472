/**
 * The seam between a connection and whatever carries its frames: frames in, frames out, and nothing else. The connection
 * opens links through it; WebSocket is the first implementation, tests have their own. It must not know what frames say.
 */

/** What a link tells its owner, never before `open` has returned. After `close` comes nothing. */
export interface LinkHandlers {
  /** A text frame as a string, a binary one as an ArrayBuffer. */
  readonly message: (data: unknown) => void;
  /** The link has ended, or could not be made. `code` is a WebSocket close code; 1006 when there was none. */
  readonly close: (code: number, reason: string) => void;
}

/** One connection, or an attempt at one. A WebSocket is one, hence the names. */
export interface Link {
  /** Sends a frame. Only called once the other side has sent something. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  /** Ends the link; harmless when it has ended already. */
  close(code?: number, reason?: string): void;
  /** Bytes given to `send` that have not left yet. */
  readonly bufferedAmount: number;
}

export interface Transport {
  /**
   * Begins a link to `url`.
   *
   * @param token what the server is to know the user by; undefined without `getToken`
   * @throws what can't ever work here; the client then gives up with `bad_option`
   */
  open(url: string, token: string | undefined, handlers: LinkHandlers): Link;
}

/** A transport to fall back to. It brings along how several are tried in order, so that who needs one only loads nothing of that. */
export interface Fallback extends Transport {
  /** All of a list as one transport. */
  among(all: readonly Transport[]): Transport;
}
