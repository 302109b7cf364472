/**
 * The command as people run it: a process of its own, its one line of output or complaint, its exit code, and what it
 * serves to real sockets.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const command = fileURLToPath(new URL('../bin/syncline.mjs', import.meta.url));
const channels = fileURLToPath(new URL('./channels.fixture.ts', import.meta.url));

/** A folder of its own, and a file with a secret in it. */
function folder(): { readonly dir: string; readonly secretFile: string } {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const secretFile = join(dir, 'secret');
  writeFileSync(secretFile, `${'s3cret-'.repeat(6)}\n`);
  return { dir, secretFile };
}

interface Ran {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  /** The exit code; null after a signal that killed it. */
  readonly ended: Promise<number | null>;
}

function run(...args: readonly string[]): Ran {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', command, ...args]);
  const output = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, output, ended };
}

/** Serves on a free port until the test is over, or rejects with what it complained of. */
async function serve(...args: readonly string[]): Promise<Ran & { readonly url: URL }> {
  const ran = run('serve', '--channels', channels, '--port', '0', ...args);
  const told = new Promise<void>((resolve) => {
    ran.child.stdout?.on('data', () => ran.output.out.includes('\n') && resolve());
  });
  await Promise.race([told, ran.ended]);
  const url = /wss?:\/\/\S+/.exec(ran.output.out)?.[0];
  if (url === undefined) throw new Error(ran.output.err);
  return { ...ran, url: new URL(url) };
}

/** What the command complains of: one line, nothing else, exit code 1. */
async function complaint(...args: readonly string[]): Promise<string> {
  const { output, ended } = run(...args);
  expect(await ended).toBe(1);
  expect(output.out).toBe('');
  expect(output.err).toMatch(/^syncline: [^\n]+\n$/);
  return output.err.slice('syncline: '.length, -1);
}

/** The status that a handshake is answered with. */
async function knock(url: URL, headers: Readonly<Record<string, string>> = {}, ca?: string): Promise<number> {
  const options: RequestOptions & { ca?: string } = {
    host: url.hostname,
    port: url.port,
    path: url.pathname,
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol': 'syncline.v1',
      ...headers,
    },
    ...(ca !== undefined && { ca }),
  };
  const sent = (url.protocol === 'wss:' ? requestHttps : requestHttp)(options);
  sent.end();
  const [answer]: IncomingMessage[] = await Promise.race([once(sent, 'upgrade'), once(sent, 'response')]);
  answer?.socket.destroy();
  return answer?.statusCode ?? 0;
}

describe('syncline serve', () => {
  it('serves its own machine with nothing but channels, says where in one line, and leaves when told', async () => {
    const { dir } = folder();
    const data = join(dir, 'data');
    const { url, output, child, ended } = await serve('--data', data);
    expect(output.out).toBe(`Syncline serves ${url} (logs are in ${data}; Ctrl+C stops it).\n`);
    expect(url.protocol).toBe('ws:');
    expect(await knock(url)).toBe(101);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect(output.err).toBe('');
    expect(statSync(join(data, 'syncline.db')).size).toBeGreaterThan(0);
  });

  it('--tls-dev serves wss with a certificate that it keeps', async () => {
    const { dir } = folder();
    const file = join(dir, 'tls', 'localhost.pem');
    const first = await serve('--data', dir, '--tls-dev');
    expect(first.url.protocol).toBe('wss:');
    expect(first.output.out).toContain(` Browsers must be told to trust ${file}.\n`);
    const pem = readFileSync(file, 'utf8');
    expect(await knock(first.url, {}, pem)).toBe(101);
    await expect(knock(first.url)).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(await knock(new URL(`ws://${first.url.host}/sync`))).toBe(426);
    first.child.kill('SIGTERM');
    await first.ended;
    await serve('--data', dir, '--tls-dev');
    expect(readFileSync(file, 'utf8')).toBe(pem);
  });

  it('with a secret lets in whoever has a token of `syncline token`', async () => {
    const { dir, secretFile } = folder();
    const { url } = await serve('--data', dir, '--jwt-secret-file', secretFile);
    const { output, ended } = run(
      ...['token', '--user', 'ada', '--secret-file', secretFile],
      ...['--can', 'chat/:room=subscribe, publish', '--can', 'chat/:room=history', '--for', '90s'],
    );
    expect(await ended).toBe(0);
    expect(output.err).toBe('');
    expect(output.out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = JSON.parse(Buffer.from(output.out.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({
      sub: 'ada',
      capabilities: { 'chat/:room': ['subscribe', 'publish', 'history'] },
    });
    expect(claims.exp - claims.iat).toBe(90);
    expect(await knock(url, { Authorization: `Bearer ${output.out.trim()}` })).toBe(101);
    expect(await knock(url)).toBe(401);
  });

  it('--trust-proxy takes others through a proxy that serves TLS, and --origin pages of an origin', async () => {
    const { dir, secretFile } = folder();
    const { url } = await serve(
      ...['--data', dir, '--host', '0.0.0.0', '--jwt-secret-file', secretFile],
      ...['--trust-proxy', '2', '--origin', 'https://a.example', '--origin', 'https://b.example'],
    );
    const at = new URL(`ws://localhost:${url.port}/sync`);
    expect(await knock(at)).toBe(426);
    const https = { 'X-Forwarded-Proto': 'https' };
    expect(await knock(at, https)).toBe(401);
    expect(await knock(at, { ...https, Origin: 'https://b.example' })).toBe(401);
    expect(await knock(at, { ...https, Origin: 'https://c.example' })).toBe(403);
  });

  it.each<[string, readonly string[], RegExp]>([
    [
      'a host that others can reach',
      ['--host', '0.0.0.0'],
      /^Others can reach 0\.0\.0\.0, and there is no way to tell who they are: give --jwt-secret-file/,
    ],
    [
      'a dev certificate for others',
      ['--host', '::', '--tls-dev'],
      /^--tls-dev is for this machine only, and others can reach ::\./,
    ],
    ['half of a certificate', ['--tls-cert', 'cert.pem'], /^--tls-cert and --tls-key belong together/],
    [
      'two certificates',
      ['--tls-dev', '--tls-cert', 'cert.pem'],
      /'--tls-dev' cannot be used with option '--tls-cert <file>'/,
    ],
    [
      'a certificate that isn’t there',
      ['--tls-cert', 'no.pem', '--tls-key', 'no.pem'],
      /^Expected `tls\.cert` to be the path of a PEM file, got "no\.pem": there is no such file\.$/,
    ],
    [
      'a secret that isn’t there',
      ['--jwt-secret-file', 'no-secret'],
      /^--jwt-secret-file no-secret can't be read: there is no such file\./,
    ],
    [
      'a port that is none',
      ['--port', '70000'],
      /'70000' is invalid\. It must be a number from 0 to 65535\.$/,
    ],
    [
      'a number of proxies that is none',
      ['--trust-proxy', '0'],
      /'0' is invalid\. It must be a number of proxies from 1 to 16\.$/,
    ],
    ['an origin that is none', ['--origin', 'a.example'], /`originsAllowed` to be a list of origins/],
    ['a module that isn’t there', ['--channels', 'no.ts'], /^--channels no\.ts: there is no such file\./],
    [
      'a module without channels',
      ['--channels', fileURLToPath(new URL('./secret.ts', import.meta.url))],
      /exports no `channels`\. Write: export const channels = /,
    ],
    [
      'an option that there isn’t',
      ['--tls-cret', 'x'],
      /^unknown option '--tls-cret' \(Did you mean --tls-cert\?\)$/,
    ],
  ])('refuses %s in one line', async (_, args, message) => {
    const { dir } = folder();
    expect(await complaint('serve', '--channels', channels, '--port', '0', '--data', dir, ...args)).toMatch(
      message,
    );
  });

  it('refuses others without encryption in one line', async () => {
    const { dir, secretFile } = folder();
    const args = ['--data', dir, '--jwt-secret-file', secretFile, '--host', '0.0.0.0'];
    expect(await complaint('serve', '--channels', channels, ...args)).toMatch(
      /nothing would be encrypted on the way: give --tls-cert and --tls-key, or --trust-proxy if a proxy of yours serves TLS, or leave --host out\.$/,
    );
  });

  it('tells that a port is taken', async () => {
    const { dir } = folder();
    const { url } = await serve('--data', join(dir, 'a'));
    const args = ['--channels', channels, '--port', url.port, '--data', join(dir, 'b')];
    expect(await complaint('serve', ...args)).toMatch(/another program listens there/);
  });
});

describe('syncline token', () => {
  it.each<[string, readonly string[], RegExp]>([
    ['no user', ['--can', 'chat/:room=publish'], /^required option '--user <name>' not specified$/],
    ['no capability', ['--user', 'ada'], /^required option '--can <pattern=actions>' not specified$/],
    [
      'a capability without actions',
      ['--user', 'ada', '--can', 'chat/x'],
      /^Expected --can to be a pattern and actions, such as .+, got "chat\/x"\.$/,
    ],
    [
      'an action that there isn’t',
      ['--user', 'ada', '--can', 'chat/x=shout'],
      /`capabilities` .* "subscribe", "publish"/,
    ],
    [
      'a time that is none',
      ['--user', 'ada', '--can', 'chat/x=publish', '--for', 'ever'],
      /^Expected --for to be a time such as 90s, 30m, 1h or 7d, got "ever"\.$/,
    ],
  ])('refuses %s in one line, and repeats no secret', async (_, args, message) => {
    const { secretFile } = folder();
    const said = await complaint('token', '--secret-file', secretFile, ...args);
    expect(said).toMatch(message);
    expect(said).not.toContain('s3cret-');
  });

  it('refuses a secret that can be guessed', async () => {
    const { secretFile } = folder();
    writeFileSync(secretFile, 'hunter2\n');
    const args = ['token', '--secret-file', secretFile, '--user', 'ada', '--can', 'chat/x=publish'];
    const said = await complaint(...args);
    expect(said).toMatch(/at least 32 bytes/);
    expect(said).not.toContain('hunter2');
  });
});

it('takes paths from where it was typed, which npx is not', async () => {
  const { dir, secretFile } = folder();
  const env = { ...process.env, npm_command: 'exec', INIT_CWD: dir };
  const args = [
    command,
    'token',
    '--user',
    'ada',
    '--can',
    'chat/x=subscribe',
    '--secret-file',
    basename(secretFile),
  ];
  const child = spawn(process.execPath, args, { env });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const [code] = await once(child, 'close');
  expect([code, out.split('.').length]).toEqual([0, 3]);
});

it('tells what there is, and refuses what there isn’t', async () => {
  const { output, ended } = run('--help');
  expect(await ended).toBe(0);
  for (const name of ['serve', 'dev', 'token', 'publish', 'tail', 'bench', 'doctor'])
    expect(output.out).toMatch(new RegExp(`\n  ${name} .* {2}[A-Z]`));
  expect(await complaint('sreve')).toBe("unknown command 'sreve' (Did you mean serve?)");
});
