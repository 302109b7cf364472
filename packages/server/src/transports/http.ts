/**
 * Where plain HTTP requests to this server's own paths come in, beside its sockets: finds the route of each and leaves other
 * people's alone. The server gives it a base path; what is answered is the routes' matter, and how is answer.ts'.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { pathOf } from './caller.ts';
import { type Route, respond } from './http/answer.ts';
import { type PublishSettings, publishRoute } from './http/publish.ts';
import { readyRoute, type TicketSettings, ticketRoute } from './http/tickets.ts';

export type HttpSettings = TicketSettings & PublishSettings;

/** A route, and what of the path it is told. */
interface Found {
  readonly route: Route;
  readonly rest: string;
}

/**
 * Answers `POST {base}/ticket`, `GET {base}/ready` and `POST {base}/publish/{channel}` on an HTTP server, and leaves all else to
 * whoever serves it.
 *
 * @returns what ends it.
 */
export function serveHttp(server: HttpServer, base: string, settings: HttpSettings): () => void {
  const exact = new Map<string, Route>([
    [`${base}/ticket`, ticketRoute(settings)],
    [`${base}/ready`, readyRoute(settings)],
  ]);
  const publish = publishRoute(settings);
  // Without a channel there is nothing to publish on, and that is told too.
  exact.set(`${base}/publish`, publish);
  /** Those that take whatever follows. */
  const prefixes = new Map<string, Route>([[`${base}/publish/`, publish]]);
  // Frameworks add their listener when they like, and two listeners would both answer: so ours comes before all of them.
  const emit = server.emit.bind(server);
  const own = ((event: string, ...args: unknown[]): boolean => {
    const [request, response] = args;
    const found = event === 'request' ? find(exact, prefixes, pathOf(request as IncomingMessage)) : undefined;
    if (!found) return emit(event, ...args);
    const { route, rest } = found;
    void respond(route, rest, request as IncomingMessage, response as ServerResponse, settings);
    return true;
  }) as typeof server.emit;
  server.emit = own;
  return () => {
    exact.clear();
    prefixes.clear();
    if (server.emit === own) server.emit = emit;
  };
}

function find(
  exact: ReadonlyMap<string, Route>,
  prefixes: ReadonlyMap<string, Route>,
  path: string,
): Found | undefined {
  const route = exact.get(path);
  if (route) return { route, rest: '' };
  for (const [prefix, each] of prefixes) {
    if (path.startsWith(prefix)) return { route: each, rest: path.slice(prefix.length) };
  }
  return undefined;
}
