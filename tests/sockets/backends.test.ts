/**
 * The guide for backends, run: every shell command, and the programs in Python and PHP where this machine has the language, against a
 * real server with a key; and what webhooks tell, verified by those programs.
 */
import { execFile, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defineChannels, stream } from '@syncline/protocol';
import { createServer, memory } from '@syncline/server';
import { describe, expect, it, onTestFinished } from 'vitest';

const guide = readFileSync('docs/guide/backends.md', 'utf8');
const run = promisify(execFile);

/** The blocks of the guide in one language, in their order. */
function blocks(language: string): string[] {
  return [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text = '']) => text,
  );
}

const has = (command: string, ask = '--version'): boolean => spawnSync(command, [ask]).status === 0;

/** Programs of a language: how one is run that stands in a text, and how one goes on with what `verified` says of a webhook. */
const languages = [
  {
    name: 'python',
    command: 'python3',
    run: (program: string) => ['-c', program],
    verify:
      'import sys, json\ngiven = json.load(sys.stdin)\nprint(verified(given["headers"], given["body"].encode()))',
  },
  {
    name: 'php',
    command: 'php',
    run: (program: string) => ['-r', program.replace('<?php', '')],
    verify:
      '$given = json_decode(file_get_contents("php://stdin"), true);\necho verified($given["headers"], $given["body"]) ? "True" : "False", "\\n";',
  },
];

interface Told {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A server with a key, a webhook, and the environment that the guide's programs look at. */
async function start() {
  const key = randomBytes(32).toString('base64');
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const told: Told[] = [];
  const hook = createHttpServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
      told.push({
        body,
        headers: Object.fromEntries(names.map((name) => [name, String(request.headers[name])])),
      });
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(hook, 'listening');
  const server = createServer({
    channels: defineChannels({ 'chat/:room': stream() }),
    broker: memory(),
    authenticate: () => ({ user: 'ada', tokenId: 'token-1' }),
    apiKeys: {
      shop: {
        hash: createHash('sha256').update(key).digest('hex'),
        capabilities: { 'chat/:room': ['publish', 'history', 'presence'] },
        may: ['disconnect', 'revoke'],
      },
    },
    webhooks: [
      {
        url: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/syncline`,
        secret,
        channels: ['chat/:room'],
      },
    ],
  });
  const { port } = await server.listen();
  onTestFinished(async () => {
    await server.close({ drainMs: 0 });
    hook.close();
    hook.closeAllConnections();
  });
  const env = {
    ...process.env,
    SYNCLINE_URL: `http://localhost:${port}/sync`,
    SYNCLINE_KEY: key,
    SYNCLINE_WEBHOOK_SECRET: secret,
  };
  return { server, env, told };
}

describe('the guide for backends', () => {
  it.skipIf(!has('openssl', 'version'))(
    'makes a key and its hash, and a secret, that are taken',
    async () => {
      const [make = '', ...others] = blocks('sh');
      const secret = others.at(-1) ?? '';
      const folder = mkdtempSync(join(tmpdir(), 'backend-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const { stdout } = await run('sh', ['-c', make], { cwd: folder });
      const key = readFileSync(join(folder, 'backend.key'), 'utf8').trim();
      expect(key.length).toBeGreaterThanOrEqual(32);
      expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(key).digest('hex'));
      const made = await run('sh', ['-c', secret]);
      const options = {
        channels: defineChannels({ 'chat/:room': stream() }),
        broker: memory(),
        webhooks: [{ url: 'https://app.example', secret: made.stdout.trim(), channels: ['*'] }],
      };
      await createServer(options).close();
    },
  );

  it.skipIf(!has('curl'))('has commands that are answered as it says', async () => {
    const { env } = await start();
    const answers: unknown[] = [];
    for (const block of blocks('sh').filter((text) => text.includes('curl'))) {
      const { stdout } = await run('sh', ['-c', block.replaceAll('\ncurl ', '\necho; curl ')], { env });
      answers.push(
        ...stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as unknown),
      );
    }
    const place = { epoch: expect.any(String), check: expect.any(Number), duplicate: false };
    expect(answers).toEqual([
      { ...place, offset: 1 },
      {
        results: [
          { ...place, offset: 2 },
          { ...place, offset: 1 },
        ],
      },
      {
        epoch: expect.any(String),
        entries: [
          { offset: 1, data: { text: 'hello from a shell' } },
          { offset: 2, data: { text: 'one' } },
        ],
        more: false,
      },
      { count: 0, members: [], next: null },
      { ended: 0 },
      { ended: 0 },
    ]);
  });

  for (const { name, command, run: how, verify } of languages) {
    it.skipIf(!has(command))(
      `has a program in ${name} that publishes, and one that verifies webhooks`,
      async () => {
        const { server, env, told } = await start();
        const [publish = '', verified = ''] = blocks(name);
        const { stdout } = await run(command, how(publish), { env });
        expect(stdout).toBe('1\n');
        await expect.poll(() => told.length, { timeout: 10_000 }).toBe(1);
        expect(server.metrics.entriesAppended).toBe(1);
        const asked = async (one: Told | undefined): Promise<string> => {
          const running = run(command, how(`${verified}\n${verify}`), { env });
          running.child.stdin?.end(JSON.stringify(one));
          return (await running).stdout.trim();
        };
        const [one] = told;
        if (!one) throw new Error('Nothing was told.');
        expect(await asked(one)).toBe('True');
        expect(await asked({ ...one, body: `${one.body} ` })).toBe('False');
        const stale = { ...one.headers, 'webhook-timestamp': '1' };
        expect(await asked({ ...one, headers: stale })).toBe('False');
      },
    );
  }
});
