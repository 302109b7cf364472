/**
 * A client that asks for far too much: sends so many small publishes in one burst, without waiting for anything, and counts what it is
 * answered. It is a process of its own, so that nobody else waits for it.
 */
import { once } from 'node:events';
import { decodeServer, encodeClient } from '@syncline/protocol/wire';

/** What it is told. */
export interface BurstPlan {
  readonly port: number;
  readonly frames: number;
}

/** What came of it. */
export interface BurstResult {
  readonly stored: number;
  /** Refusals by their code. */
  readonly refused: Readonly<Record<string, number>>;
  /** The code of the close, where the node ended it. */
  readonly closed: number | null;
}

const { port, frames } = JSON.parse(process.argv[2] ?? '') as BurstPlan;

async function burst(): Promise<BurstResult> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/sync`, ['syncline.v1']);
  await once(socket, 'message');
  let stored = 0;
  let answered = 0;
  const refused: Record<string, number> = {};
  let over: (closed: number | null) => void = () => {};
  const ended = new Promise<number | null>((resolve) => {
    over = resolve;
  });
  socket.onclose = ({ code }) => over(code);
  socket.onmessage = ({ data }) => {
    const frame = decodeServer(String(data));
    if (frame?.type === 'ack') stored++;
    else if (frame?.type === 'error') refused[frame.code] = (refused[frame.code] ?? 0) + 1;
    else return;
    if (++answered === frames) over(null);
  };
  for (let ref = 1; ref <= frames; ref++)
    socket.send(
      encodeClient({
        ...{ type: 'publish', ref, channel: 'chat/burst', data: '{"id":"x"}' },
        ...{ producer: 'burst', sequence: ref },
      }),
    );
  const closed = await ended;
  socket.close();
  return { stored, refused, closed };
}

process.on('message', () => {
  burst().then(
    (answer) => process.send?.({ answer }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send?.({ answer: 'ready' });
