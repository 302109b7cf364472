/**
 * The public conformance suite of Durable Streams against a server of ours, over whichever broker a test brings. Of its groups those for
 * what this server doesn't do are left out: forks, and the subscriptions that the suite leaves out by itself.
 */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runConformanceTests } from '@durable-streams/server-conformance-tests';
import { defineChannels, durable } from '@syncline/protocol';
import { createServer, type Server, type ServerOptions } from '@syncline/server';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';

const channels = defineChannels({ 'v1/stream/:name': durable() });
/** How long a read waits for more: the suite waits for it to come back empty. */
const longPollMs = 1000;
/** The suite asks for more at once than one person would. */
const unlimited = { requestsPerSecondMax: 100_000, requestsBurstMax: 1_000_000 };

/** Tests of the suite that are to run. */
const testsMin = 250;

/** Runs the suite; `open` opens a broker, and `close` lets go of what that needs. */
export function conformance(
  open: () => Promise<NonNullable<ServerOptions<typeof channels>['broker']>>,
  close: () => Promise<void> = async () => {},
): void {
  // The suite reads the address when a test begins.
  const options = { baseUrl: '', longPollTimeoutMs: longPollMs };
  const http = createHttpServer();
  let server: Server<typeof channels> | undefined;
  let count = 0;
  const groups = new Set<string>();

  beforeAll(async () => {
    const node = createServer({
      channels,
      broker: await open(),
      longPollMs,
      originsAllowed: ['https://example.com'],
      ...unlimited,
    });
    server = node;
    await node.ready;
    node.attach(http);
    http.listen(0, 'localhost');
    await once(http, 'listening');
    options.baseUrl = `http://localhost:${(http.address() as AddressInfo).port}/sync/streams`;
  });

  beforeEach(({ task, skip }) => {
    for (let { suite } = task; suite; { suite } = suite)
      if (suite.name.startsWith('Fork - ')) skip('This server has no forks.');
    count++;
    groups.add(task.suite?.name ?? '');
  });

  afterAll(async () => {
    http.closeAllConnections();
    http.close();
    await server?.close({ drainMs: 0 });
    await close();
    // One group is run alone where somebody looks for a fault.
    if (groups.size > 1) expect(count).toBeGreaterThanOrEqual(testsMin);
  });

  runConformanceTests(options);
}
