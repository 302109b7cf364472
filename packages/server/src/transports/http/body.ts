/**
 * The body of a request, read within bounds of size and time. Routes that take one call it; it knows bytes and a clock, not what
 * they mean.
 */
import type { IncomingMessage } from 'node:http';
import { SyncError } from '@syncline/protocol';
import type { Clock } from '@syncline/protocol/wire';

/** How long a body may take, however small its pieces are. */
export const bodyMs = 10_000;

/** @throws SyncError `frame_too_large` before more than that is held; `silent` when it takes too long, or breaks off */
export function readBody(
  request: IncomingMessage,
  { clock, bytesMax }: { readonly clock: Clock; readonly bytesMax: number },
): Promise<Uint8Array> {
  const large = new SyncError(
    'frame_too_large',
    `The body is larger than ${bytesMax} bytes, the most that is read.`,
  );
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) return Promise.reject(large);
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const end = (error?: SyncError): void => {
      cancel();
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    const onData = (chunk: Uint8Array): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) end(large);
      else chunks.push(chunk);
    };
    const onEnd = (): void => end();
    const onClose = (): void =>
      end(new SyncError('silent', 'The request broke off before its body was there.'));
    const cancel = clock.timer(bodyMs, () =>
      end(new SyncError('silent', `The body took longer than ${bodyMs / 1000} seconds.`)),
    );
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}
