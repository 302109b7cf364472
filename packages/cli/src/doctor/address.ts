/**
 * Whether the server can be found and reached: its name, its addresses, and the certificate that it shows. What is behind the
 * encryption is for others.
 */
import { lookup } from 'node:dns/promises';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { isLocal } from '../connect.ts';
import { type Finding, fault, good, warning } from './finding.ts';
import { mends } from './mends.ts';
import { hostOf, type Target, tlsOptions } from './target.ts';

const dayMs = 86_400_000;
/** With fewer days than this left, it should have been renewed long ago. */
const daysLeftMin = 14;

/** The name, and each address behind it; a fault keeps everything else from being looked at. */
export async function checkAddress(target: Target): Promise<Finding[]> {
  const host = hostOf(target.url);
  const found = await lookup(host, { all: true }).catch((thrown: NodeJS.ErrnoException) => thrown);
  if (found instanceof Error)
    return [
      fault(
        'address',
        `The name ${host} can't be found (${found.code ?? found.message}).`,
        'Nobody gets anywhere without it.',
        [
          'Look for a typing error; else add an A or AAAA record, or wait until a new one is known everywhere.',
        ],
      ),
    ];
  const addresses = [...new Set(found.map(({ address }) => address))];
  const named = good(
    'address',
    addresses.includes(host) ? `${host} is an address.` : `${host} is ${addresses.join(', ')}.`,
  );
  const reached = await Promise.all(addresses.map((address) => reaches(target, address)));
  const deaf = addresses.filter((_, i) => reached[i] !== undefined);
  const [why] = reached.filter((one) => one !== undefined);
  if (deaf.length === addresses.length)
    return [
      named,
      fault('connect', `Nobody answers at port ${target.port} (${why}).`, 'Clients get no connection.', [
        ...mends.reach,
        'Look whether a firewall lets the port through.',
      ]),
    ];
  // One's own machine has two addresses, and servers often listen at one of them.
  if (deaf.length > 0 && !isLocal(target.url))
    return [
      named,
      warning(
        'connect',
        `Of its addresses ${deaf.join(', ')} doesn't answer at port ${target.port} (${why}).`,
        'Whoever tries that one first waits, some for seconds.',
        ['Let the server or the proxy listen at it, or take it out of the DNS.'],
      ),
    ];
  return [named, good('connect', `Port ${target.port} takes connections.`)];
}

/** Why an address doesn't take a connection; undefined when it does. */
function reaches({ port, clock, patienceMs }: Target, host: string): Promise<string | undefined> {
  return settle(connectTcp({ port, host }), 'connect', clock.timer.bind(clock), patienceMs);
}

/** Waits for a socket's event. @returns why it didn't come; undefined when it did */
function settle(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  timer: Target['clock']['timer'],
  ms: number,
  use: () => void = () => {},
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = (why?: string): void => {
      cancel();
      socket.destroy();
      resolve(why);
    };
    const cancel = timer(ms, () => end(`nothing within ${ms / 1000} s`));
    socket.on(event, () => {
      use();
      end();
    });
    socket.on('error', (thrown: NodeJS.ErrnoException) => end(thrown.code ?? thrown.message));
  });
}

/** The certificate; sets whether it can be trusted. */
export async function checkTls(target: Target): Promise<Finding> {
  if (!target.secure) return unencrypted(target);
  const { clock, patienceMs, port } = target;
  const socket = connectTls({
    ...tlsOptions(target),
    host: hostOf(target.url),
    port,
    ALPNProtocols: ['http/1.1'],
  });
  let finding: Finding | undefined;
  const why = await settle(socket, 'secureConnect', clock.timer.bind(clock), patienceMs, () => {
    finding = judge(socket, target);
  });
  target.trusted = finding?.level === 'good' || finding?.level === 'warning';
  return (
    finding ??
    fault(
      'tls',
      `Port ${port} doesn't speak TLS (${why}).`,
      'Browsers give up before they ask for anything.',
      [
        'Look whether the proxy listens with TLS there: `listen 443 ssl` in nginx, `bind :443 ssl crt …` in HAProxy.',
        'Or the address is meant to be ws://, on this machine.',
      ],
    )
  );
}

function unencrypted(target: Target): Finding {
  target.trusted = isLocal(target.url);
  if (target.trusted) return good('tls', 'It isn’t encrypted, as is usual on one’s own machine.');
  return fault(
    'tls',
    'It isn’t encrypted.',
    'Whoever is on the way reads and changes everything, tokens too; pages that came over https can’t even connect; and proxies that don’t know WebSockets break them.',
    ['Serve TLS: docs/guide/deploy.md has three ways.', 'If there is TLS, give the address as wss://.'],
  );
}

function judge(socket: TLSSocket, { url, clock }: Target): Finding {
  const certificate = socket.getPeerX509Certificate();
  const code = String(socket.authorizationError ?? '');
  const until = certificate?.validToDate.toISOString().slice(0, 10) ?? 'nobody knows when';
  const days = Math.floor(((certificate?.validToDate.getTime() ?? 0) - clock.now()) / dayMs);
  const matters = 'Browsers and the SDK refuse to connect.';
  if (code === 'CERT_HAS_EXPIRED' || days < 0)
    return fault('tls', `The certificate ended on ${until}.`, matters, mends.renew);
  if (code === 'CERT_NOT_YET_VALID')
    return fault('tls', 'The certificate isn’t valid yet.', matters, [
      'Look at the clock of this machine, and of the one that made it.',
    ]);
  if (/ALTNAME/.test(code))
    return fault(
      'tls',
      `The certificate isn't for ${hostOf(url)}: it is for ${certificate?.subjectAltName ?? 'nobody'}.`,
      matters,
      [
        'Get one that names this host, or give the address that it is for.',
        'Where several hosts share an address: look whether the proxy has a server block for this name.',
      ],
    );
  if (/SELF_SIGNED/.test(code))
    return fault(
      'tls',
      'Nobody has vouched for the certificate: it signed itself, or its authority is unknown.',
      matters,
      mends.chain,
    );
  if (code !== '')
    return fault(
      'tls',
      `The chain of the certificate can't be followed (${code}).`,
      `${matters} Some that know the missing part don't.`,
      mends.chain,
    );
  if (days < daysLeftMin)
    return warning(
      'tls',
      `The certificate ends on ${until}: in ${days} days.`,
      'From then on nobody can connect.',
      mends.renew,
    );
  return good('tls', `${socket.getProtocol()}; the certificate is good until ${until}.`);
}
