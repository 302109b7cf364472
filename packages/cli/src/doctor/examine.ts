/**
 * The examination: which checks there are, in which order, and which of them are left out when one before found nothing to look at.
 * It prints nothing, so that tests and programs can have it too.
 */
import type { Clock } from '@syncline/protocol/wire';
import { checkAddress, checkTls } from './address.ts';
import { type Finding, skipped } from './finding.ts';
import { checkHandshake, checkOrigin, checkReady } from './handshake.ts';
import { checkSession } from './session.ts';
import { checkStreaming } from './streaming.ts';
import type { Target } from './target.ts';

/** What is examined, and how. */
export interface Examination {
  readonly url: URL;
  readonly ca?: string | undefined;
  readonly token?: string | undefined;
  /** The origin of the pages; default the server's own. */
  readonly origin?: string | undefined;
  readonly watchMs: number;
  readonly patienceMs: number;
  readonly clock: Clock;
}

/**
 * Examines a deployment.
 *
 * @param onFinding told of each finding as soon as it is there
 * @returns all of them, in order
 */
export async function examine(
  { url, ca, token, origin, watchMs, patienceMs, clock }: Examination,
  onFinding: (finding: Finding) => void = () => {},
): Promise<Finding[]> {
  const secure = url.protocol === 'wss:';
  const target: Target = {
    ...{ url, secure, ca, token, watchMs, patienceMs, clock },
    port: Number(url.port) || (secure ? 443 : 80),
    origin: origin ?? `${secure ? 'https' : 'http'}://${url.host}`,
    trusted: false,
  };
  const all: Finding[] = [];
  const add = (...findings: readonly Finding[]): void => {
    all.push(...findings);
    for (const finding of findings) onFinding(finding);
  };
  add(...(await checkAddress(target)));
  if (all.some(({ level }) => level === 'fault')) return all;
  const tls = await checkTls(target);
  add(tls);
  if (tls.what.includes("doesn't speak TLS")) return all;
  add(await checkReady(target));
  const { findings, open } = await checkHandshake(target);
  add(...findings, ...(await checkOrigin(target)));
  add(await checkStreaming(target));
  if (open) add(...(await checkSession(target)));
  else
    add(
      skipped(
        'session',
        `No session could be opened, so clock and heartbeats weren't looked at.${token === undefined ? ' With --token-file more may be seen.' : ''}`,
      ),
    );
  return all;
}
