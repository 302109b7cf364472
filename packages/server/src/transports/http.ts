/**
 * Where plain HTTP requests to this server's own paths come in, beside its sockets: finds the route of each and leaves other
 * people's alone. The server gives it a base path; what is answered is the routes' matter, and how is answer.ts'.
 */
import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import { pathOf } from './caller.ts';
import { type Route, respond } from './http/answer.ts';
import { type ApiSettings, apiRoutes } from './http/api.ts';
import { framesRoute, type LinkSettings, linkRoute } from './http/links.ts';
import { publishRoute } from './http/publish.ts';
import { type StreamSettings, streamsRoute } from './http/streams.ts';
import { readyRoute, type TicketSettings, ticketRoute } from './http/tickets.ts';
import type { Underway } from './http/underway.ts';

export interface HttpSettings extends TicketSettings, ApiSettings, LinkSettings, StreamSettings {
  /** Hears of each request. */
  readonly underway: Underway;
}

/** A route, and what of the path it is told. */
interface Found {
  readonly route: Route;
  readonly rest: string;
}

/** Every route below the base path. One that ends with a `/` takes whatever follows, and is told it. */
function routesOf(settings: HttpSettings, base: string): Readonly<Record<string, Route>> {
  const publish = publishRoute(settings);
  return {
    '/ticket': ticketRoute(settings),
    '/ready': readyRoute(settings),
    '/link': linkRoute(settings),
    '/link/frames': framesRoute(settings),
    ...apiRoutes(settings, base),
    // Without a channel there is nothing to publish on, and that is told too.
    '/publish': publish,
    '/publish/': publish,
    '/streams/': streamsRoute(settings),
  };
}

/**
 * Answers the requests to the routes below `base` on an HTTP server, and leaves all else to whoever serves it.
 *
 * @returns what ends it.
 */
export function serveHttp(server: HttpServer, base: string, settings: HttpSettings): () => void {
  const routes = new Map(Object.entries(routesOf(settings, base)));
  // Frameworks add their listener when they like, and two listeners would both answer: so ours comes before all of them.
  const emit = server.emit.bind(server);
  const own = ((event: string, ...args: unknown[]): boolean => {
    const [request, response] = args;
    const found = event === 'request' ? find(routes, base, pathOf(request as IncomingMessage)) : undefined;
    if (!found) return emit(event, ...args);
    const { route, rest } = found;
    const answering = respond(route, rest, request as IncomingMessage, response as ServerResponse, settings);
    settings.underway.run(answering);
    return true;
  }) as typeof server.emit;
  server.emit = own;
  return () => {
    routes.clear();
    if (server.emit === own) server.emit = emit;
  };
}

function find(routes: ReadonlyMap<string, Route>, base: string, path: string): Found | undefined {
  if (!path.startsWith(`${base}/`)) return undefined;
  const below = path.slice(base.length);
  const exact = routes.get(below);
  if (exact) return { route: exact, rest: '' };
  for (const [prefix, route] of routes)
    if (prefix.endsWith('/') && below.startsWith(prefix)) return { route, rest: below.slice(prefix.length) };
  return undefined;
}
