/**
 * One courier whose phone knows nothing of Syncline: it posts where it is as JSON, once a second, and in a tunnel it keeps its fixes
 * and posts them together when it comes out. start.ts starts it; it knows an address and a tour, and no server.
 */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { toLngLat } from './city/city.ts';
import { city, fixOf } from './fix.ts';
import { cornersBetween, rideAt, type Tour } from './town/tours.ts';

export interface PhoneOptions {
  /** Where the server is, such as `http://localhost:8080`. */
  readonly server: string;
  /** The certificate to trust, where the server made its own; as PEM. */
  readonly ca: string | undefined;
  readonly tour: Tour;
  /** Whether anybody looks. */
  readonly awake: () => boolean;
  /** Told of what goes wrong twice in a row: what failed once is sent again. The phone goes on all the same. */
  readonly report: (thrown: unknown) => void;
}

const phone = 'phone';
const fixMs = 1000;
/** Every two minutes there is a tunnel. */
const [tunnelEveryMs, tunnelMs] = [120_000, 8000];
/** What wasn't taken is sent again, but not without end. */
const waitingMax = 60;

/** Starts posting; returns what ends it. */
export function startPhone({ server, ca, tour, awake, report }: PhoneOptions): () => void {
  let waiting: unknown[] = [];
  let last = Date.now();
  let posting = false;
  let failures = 0;
  const turn = async (): Promise<void> => {
    if (!awake()) return;
    const now = Date.now();
    // The same JSON that a page would publish: ["set", key, value, options].
    waiting = [...waiting, ['set', phone, fixOf(rideAt(tour, now)), { at: now }]].slice(-waitingMax);
    if (posting || now % tunnelEveryMs < tunnelMs) return;
    posting = true;
    try {
      const fixes = waiting;
      waiting = [];
      // A fix that is older than the one stored is refused as superseded, which is just as well.
      await post(`${server}/sync/publish/fleet/${city}?batch=1`, fixes, ca).catch((thrown: unknown) => {
        waiting = [...fixes, ...waiting];
        throw thrown;
      });
      failures = 0;
      const corners = now - last > tunnelEveryMs ? [] : cornersBetween(tour, last, now).map(toLngLat);
      last = now;
      const trail = corners.map(([lng, lat]) => ({ lat, lng }));
      if (trail.length > 0) await post(`${server}/sync/publish/trail/${phone}?batch=1`, trail, ca);
    } finally {
      posting = false;
    }
  };
  const failed = (thrown: unknown): void => {
    if (++failures > 1) report(thrown);
  };
  const timer = setInterval(() => void turn().catch(failed), fixMs);
  return () => clearInterval(timer);
}

/** Posts JSON. Rejects for whatever is no answer with status 200. */
function post(url: string, body: unknown, ca: string | undefined): Promise<void> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/json' };
    // The server's own certificate is the only one that is trusted then, under whichever name.
    const trust = ca === undefined ? {} : { ca, checkServerIdentity: () => undefined };
    const posted = request(url, { method: 'POST', headers, ...trust }, (answer) => {
      answer.resume();
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve();
        else reject(new Error(`${url} answered ${answer.statusCode}.`));
      });
    });
    posted.on('error', reject).setTimeout(5000, () => posted.destroy(new Error(`${url} didn't answer.`)));
    posted.end(JSON.stringify(body));
  });
}
