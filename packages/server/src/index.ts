/**
 * What people import to run a Syncline server. Every public name is listed here by hand; contracts come from
 * `@syncline/protocol`, which clients import too.
 */

export { type CookieSessionOptions, cookieSession } from './access/cookies.ts';
export { type JwtOptions, jwt } from './access/jwt.ts';
export { mintToken } from './access/tokens.ts';
export type {
  Action,
  Attempt,
  Authenticate,
  Authorize,
  BeforePublish,
  Capabilities,
  Credentials,
  Identity,
} from './access.ts';
export type { Append, Appended, Broker, Range, Slice } from './broker/broker.ts';
export { disk } from './broker/disk.ts';
export { memory } from './broker/memory.ts';
export type { Logger, Metrics } from './observe.ts';
export type { Server, ServerOptions } from './server.ts';
export { createServer } from './server.ts';
