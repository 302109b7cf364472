/**
 * Whether an answer that goes on comes through as it is written: what clients fall back on where WebSockets don't. A proxy that
 * collects answers holds it back until it is over. A server without such answers is left alone.
 */
import type { IncomingMessage } from 'node:http';
import { type Finding, good, skipped, warning } from './finding.ts';
import { mends } from './mends.ts';
import { answerTo, begin, credentialsOf, NoAnswer, type Target } from './target.ts';

/** The first event is written at once, so this is long, in ms. */
const firstMsMax = 4000;

/** Opens a link over server-sent events and waits for its first event. */
export async function checkStreaming(target: Target): Promise<Finding> {
  const { clock } = target;
  const path = `${target.url.pathname}/link`;
  const body = JSON.stringify({ as: 'sse' });
  const request = begin(target, path, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
      Accept: 'text/event-stream',
      ...credentialsOf(target),
    },
  });
  request.end(body);
  const since = clock.now();
  try {
    const { response } = await answerTo(request, { ...target, patienceMs: firstMsMax });
    const type = response.headers['content-type'] ?? '';
    if (response.statusCode !== 200 || !type.startsWith('text/event-stream'))
      return refused(response.statusCode ?? 0, path);
    if (!(await firstBytes(response, firstMsMax - (clock.now() - since), target))) return buffered();
    return good(
      'streaming',
      `Answers that go on come through as they are written: the first event after ${clock.now() - since} ms.`,
    );
  } catch (thrown) {
    if (!(thrown instanceof NoAnswer)) throw thrown;
    return /within/.test(thrown.message)
      ? buffered()
      : warning(
          'streaming',
          `POST ${path} has no answer: ${thrown.message}.`,
          'Clients without WebSockets can’t fall back on HTTP.',
          mends.reach,
        );
  } finally {
    request.destroy();
  }
}

function refused(status: number, path: string): Finding {
  if (status === 404 || status === 405 || status === 426)
    return skipped('streaming', `This server has no fallback over HTTP at ${path} (${status}).`);
  if (status === 401)
    return skipped('streaming', 'The server asks who you are: give --token-file, and it is looked at too.');
  return warning(
    'streaming',
    `POST ${path} is answered with ${status}.`,
    'Clients without WebSockets can’t fall back on HTTP.',
    ['Let the proxy pass POST below the path on.'],
  );
}

function buffered(): Finding {
  return warning(
    'streaming',
    `Of an answer that goes on nothing came within ${firstMsMax / 1000} s: a proxy collects it first.`,
    'Clients without WebSockets fall back on server-sent events, get nothing by them, and must poll.',
    mends.buffering,
  );
}

/** Whether anything of the body comes within the time. */
function firstBytes(response: IncomingMessage, ms: number, { clock }: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = clock.timer(Math.max(0, ms), () => resolve(false));
    const end = (came: boolean): void => {
      cancel();
      resolve(came);
    };
    response.once('data', () => end(true));
    response.once('error', () => end(false)).once('end', () => end(false));
  });
}
