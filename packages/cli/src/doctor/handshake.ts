/**
 * Whether a WebSocket comes through: the upgrade, the subprotocol, and which pages may open one. What is said on it is for session.ts.
 */
import { createHash } from 'node:crypto';
import { subprotocol } from '@syncline/protocol/wire';
import { isLocal } from '../connect.ts';
import { type Finding, fault, good, skipped, warning } from './finding.ts';
import { mends } from './mends.ts';
import { type Answered, ask, NoAnswer, shake, type Target, tried } from './target.ts';

/** RFC 6455, section 1.3. */
const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** A name that can be nobody's (RFC 2606). */
const foreign = 'https://doctor.invalid';

/** Whether the server says that it takes clients. */
export async function checkReady(target: Target): Promise<Finding> {
  const path = `${target.url.pathname}/ready`;
  const answer = await tried(ask(target, path));
  if (answer instanceof NoAnswer)
    return fault(
      'ready',
      `GET ${path} has no answer: ${answer.message}.`,
      'What doesn’t answer this answers clients no better.',
      mends.reach,
    );
  if (answer.status === 200) return good('ready', 'The server takes clients.');
  if (answer.status === 503)
    return fault(
      'ready',
      'The server takes no clients now: it is leaving, or can’t reach its logs.',
      'Clients wait until it does.',
      ['Look at the server’s log; with Redis, at whether it is reached.'],
    );
  if (answer.status === 502 || answer.status === 504)
    return fault(
      'ready',
      `The proxy answers ${answer.status}: it doesn't reach the server.`,
      'Nobody gets through.',
      mends.reach,
    );
  return warning(
    'ready',
    `GET ${path} is answered with ${answer.status}, not by Syncline.`,
    'Load balancers ask it to see which nodes take clients; and if the path leads elsewhere, so does the one beside it.',
    [`Let the proxy pass everything below ${target.url.pathname} on, or correct the path of the address.`],
  );
}

/** The handshake, and whether the WebSocket speaks our subprotocol. @returns whether a session can be opened, too */
export async function checkHandshake(
  target: Target,
): Promise<{ readonly findings: readonly Finding[]; readonly open: boolean }> {
  const answer = await tried(shake(target));
  if (answer instanceof NoAnswer) {
    const finding = fault(
      'upgrade',
      `The handshake has no answer: ${answer.message}.`,
      'Clients get no connection.',
      mends.upgrade,
    );
    return { findings: [finding], open: false };
  }
  if (answer.status !== 101) {
    return { findings: [refusal(answer, target)], open: false };
  }
  const expected = createHash('sha1')
    .update(answer.key + magic)
    .digest('base64');
  if (answer.headers['sec-websocket-accept'] !== expected) {
    const finding = fault(
      'upgrade',
      'The handshake was answered with 101, but not for our key.',
      'Clients refuse that: something on the way answered from a cache, or by itself.',
      mends.upgrade,
    );
    return { findings: [finding], open: false };
  }
  const upgrade = good('upgrade', 'WebSockets come through.');
  const chosen = answer.headers['sec-websocket-protocol'];
  if (chosen === subprotocol)
    return { findings: [upgrade, good('subprotocol', `It speaks ${subprotocol}.`)], open: true };
  const finding = fault(
    'subprotocol',
    chosen === undefined ? 'No subprotocol was agreed on.' : `It speaks "${chosen}" and not ${subprotocol}.`,
    'The SDK ends a connection that doesn’t speak its language.',
    mends.subprotocol,
  );
  return { findings: [upgrade, finding], open: false };
}

/** What an answer other than 101 means. */
function refusal({ status, code, message, headers }: Answered, target: Target): Finding {
  const no = 'Clients get no connection.';
  const said = code === undefined ? `${status}${message}` : `${status}: ${message}`;
  if (code === 'unauthenticated' || code === 'expired' || code === 'revoked') {
    if (target.token === undefined)
      return good('upgrade', `WebSockets come through; the server asks who you are (${status}).`);
    if (!target.trusted)
      return skipped('upgrade', 'The token was sent to nobody, since the certificate is no good.');
    return fault('upgrade', `The token was refused. ${message}`, no, [
      'Make a new one: syncline token --help',
    ]);
  }
  if (code === 'insecure')
    return fault(
      'upgrade',
      `The server believes that the request came without TLS (${status}).`,
      no,
      mends.proto,
    );
  if (status === 421)
    return fault('upgrade', message || said, no, [
      ...mends.host.slice(0, 2),
      'Or add the name to `hostsAllowed`.',
    ]);
  if (status >= 300 && status < 400)
    return fault(
      'upgrade',
      `It is redirected to ${headers.location ?? 'nowhere'} (${status}).`,
      'WebSocket clients follow no redirects.',
      ['Give clients that address, with wss://.', 'Let the proxy not redirect this path.'],
    );
  if (status === 502 || status === 504)
    return fault('upgrade', `The proxy answers ${status}: it doesn't reach the server.`, no, mends.reach);
  if (status === 505)
    return fault('upgrade', `The proxy speaks HTTP/1.0 to the server (${said})`, no, mends.upgrade);
  if (status === 403)
    return fault('upgrade', said, no, [
      'Without `authenticate` a server serves its own machine only: give it one, and `trustProxy` behind a proxy.',
    ]);
  if (code === 'too_many' || code === 'restart')
    return warning('upgrade', said, 'Clients wait and try again.', [
      'See the limits of the server, and its log.',
    ]);
  // What a server answers that saw no `Upgrade`: ours, or the application beside it.
  return fault(
    'upgrade',
    `The handshake was answered as a plain request (${said}).`,
    `${no} Something on the way didn't pass \`Upgrade\` and \`Connection\` on, or the path is another one.`,
    mends.upgrade,
  );
}

/** Pages of others must be refused, and one's own let in. */
export async function checkOrigin(target: Target): Promise<Finding[]> {
  const others = await tried(shake(target, { Origin: foreign }));
  const own = await tried(shake(target, { Origin: target.origin }));
  if (others instanceof NoAnswer || own instanceof NoAnswer)
    return [skipped('origin', 'Handshakes with an origin had no answer.')];
  // 401 means that the origin was good: it is asked first.
  const letIn = ({ status }: Answered): boolean => status === 101 || status === 401;
  if (!letIn(others) && others.status !== 403)
    return [
      skipped('origin', `Pages can't be told apart while handshakes are answered with ${others.status}.`),
    ];
  const foreignFinding = letIn(others)
    ? fault(
        'origin',
        'A page of any other site may open connections.',
        'CORS doesn’t cover WebSockets: with cookies such a page acts as its visitor.',
        mends.origin,
      )
    : good('origin', 'Pages of other sites are refused.');
  const scheme = isLocal(target.url) ? '' : ' If your pages come from elsewhere, give --origin.';
  const ownFinding = letIn(own)
    ? good('pages', `Pages of ${target.origin} are let in.`)
    : fault(
        'pages',
        `Pages of ${target.origin} are refused (${own.status}). ${own.message}${scheme}`,
        'Browsers on these pages get no connection.',
        mends.host,
      );
  return [foreignFinding, ownFinding];
}
