/**
 * Links to a server for the commands that are clients, over `ws`: unlike the WebSocket that Node brings along it takes
 * certificates to trust, and tells how a proxy answered that didn't let it through. Where none passes there is HTTP. It must not
 * know what frames say.
 */
import { rootCertificates } from 'node:tls';
import { longPoll, sse } from '@syncline/client/http';
import type { Link, LinkHandlers, Transport } from '@syncline/client/log';
import { isErrorCode, steps, subprotocol, tellSuffix } from '@syncline/protocol/wire';
import { type ClientOptions, WebSocket } from 'ws';

/** Of an answer that isn't what was asked for, so much is read. */
const bodyCharsMax = 2000;
const handshakeMs = 10_000;
/** Somebody else's server might send what it likes. */
const frameBytesMax = 64 * 1024 * 1024;

/** What is said of an answer other than 101. */
export interface Refused {
  readonly status: number;
  /** The code and sentence of the server's errors table, where it was our server that answered. */
  readonly code: string | undefined;
  readonly message: string;
}

/** What all handshakes of this command have in common. */
export function socketOptions(ca: string | undefined, token: string | undefined): ClientOptions {
  return {
    ...(token !== undefined && { headers: { Authorization: `Bearer ${token}` } }),
    // Besides those that everybody trusts.
    ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    perMessageDeflate: false,
    handshakeTimeout: handshakeMs,
    maxPayload: frameBytesMax,
  };
}

/**
 * Links by WebSocket; by plain HTTP where that is refused, or passes nothing, and HTTP passes.
 *
 * @param ca a certificate to trust besides those that everybody trusts, PEM; then by WebSocket only
 */
export function links(ca?: string): Transport {
  let why = '';
  const sockets: Transport = {
    open: (url, token, { message, close }) => {
      const closed: LinkHandlers['close'] = (code, reason) => {
        why = reason;
        close(code, reason);
      };
      return open(url, socketOptions(ca, token), { message, close: closed });
    },
  };
  // What Node fetches by takes certificates from its environment only.
  if (ca !== undefined) return sockets;
  const any = sse.among([sockets, sse, longPoll]);
  return {
    open: (url, token, { message, close }) => {
      why = '';
      // Where nothing works it is the WebSocket that knows why.
      return any.open(url, token, { message, close: (code, reason) => close(code, reason || why) });
    },
  };
}

function open(url: string, options: ClientOptions, handlers: LinkHandlers): Link {
  const socket = new WebSocket(url, [subprotocol, subprotocol + tellSuffix], options);
  let why = '';
  let over = false;
  const end = (code: number, reason: string): void => {
    if (over) return;
    over = true;
    handlers.close(code, reason);
  };
  socket.on('message', (data: Buffer, isBinary) => handlers.message(isBinary ? data : data.toString()));
  socket.on('error', (thrown) => (why = thrown.message));
  socket.on('close', (code, reason) => end(code, reason.toString() || why));
  socket.on('unexpected-response', (request, response) => {
    void readRefusal(response).then(({ status, code, message }) => {
      request.destroy();
      const close = code !== undefined && isErrorCode(code) ? steps[code].close : 1006;
      end(close, code === undefined ? `It answered ${status} instead of 101${message}.` : message);
    });
  });
  return {
    send: (data) => socket.send(data),
    close: (code, reason) => {
      over = true;
      socket.close(code, reason);
      // A server that doesn't answer keeps nobody from leaving.
      socket.terminate();
    },
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
  };
}

/** What an answer other than 101 says, our own server's or a proxy's. */
export async function readRefusal(
  response: AsyncIterable<Buffer> & { readonly statusCode?: number | undefined },
): Promise<Refused> {
  const status = response.statusCode ?? 0;
  let body = '';
  try {
    for await (const part of response) {
      body += part.toString();
      if (body.length > bodyCharsMax) break;
    }
  } catch {
    // What came of it until then will do.
  }
  const error = errorIn(body);
  if (error) return { status, ...error };
  const words = body.replaceAll(/<[^>]*>|\s+/g, ' ').trim();
  return { status, code: undefined, message: words ? `: "${words.slice(0, 120)}"` : '' };
}

/** The error in a JSON body as our server writes it. */
function errorIn(body: string): { readonly code: string; readonly message: string } | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: { code?: unknown; message?: unknown } };
    if (typeof error?.code === 'string' && typeof error.message === 'string')
      return { code: error.code, message: error.message };
  } catch {
    // Not ours, or none at all.
  }
  return undefined;
}
