/**
 * The certificate for trying out: that TLS clients accept it for each of its names, and when it is kept or made anew.
 * Each test has a folder of its own.
 */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkServerIdentity, connect } from 'node:tls';
import { fakeClock } from '@syncline/protocol/testing';
import { expect, it, onTestFinished } from 'vitest';
import { devCertificate } from './certificate.ts';

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'syncline-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'data', 'tls');
}

it('is good for localhost, 127.0.0.1 and ::1, and for nothing else', async () => {
  const { cert, key } = await devCertificate(folder());
  const pem = readFileSync(cert);
  const server = createServer({ cert: pem, key: readFileSync(key) });
  server.listen(0, 'localhost');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: 'localhost', ca: pem });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  expect(socket.authorized).toBe(true);
  const shown = socket.getPeerCertificate();
  for (const name of ['localhost', '127.0.0.1', '::1'])
    expect(checkServerIdentity(name, shown)).toBeUndefined();
  for (const name of ['example.org', '127.0.0.2', 'a.localhost', '::2'])
    expect(checkServerIdentity(name, shown)).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  expect(socket.getPeerX509Certificate()?.ca).toBe(false);
});

it('is in one file that only this user can read', async () => {
  const dir = folder();
  const { cert, key } = await devCertificate(dir);
  expect(key).toBe(cert);
  expect(statSync(cert).mode & 0o777).toBe(0o600);
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(readdirSync(dir)).toEqual(['localhost.pem']);
});

it('is kept until two days before its end, 30 days later', async () => {
  const clock = fakeClock({ now: Date.now() });
  const dir = folder();
  const made = async (): Promise<string> => readFileSync((await devCertificate(dir, clock)).cert, 'utf8');
  const first = await made();
  expect(await made()).toBe(first);
  clock.setNow(clock.now() + 27.9 * 86_400_000);
  expect(await made()).toBe(first);
  clock.setNow(clock.now() + 0.2 * 86_400_000);
  const second = await made();
  expect(second).not.toBe(first);
  expect(await made()).toBe(second);
});

it.each<[string, (file: string, whole: string) => void]>([
  ['is cut short', (file, whole) => writeFileSync(file, whole.slice(0, 400))],
  ['lost its key', (file, whole) => writeFileSync(file, whole.slice(0, whole.indexOf('-----BEGIN PRIVATE')))],
  ['is something else', (file) => writeFileSync(file, 'nothing')],
  ['others can read', (file) => chmodSync(file, 0o644)],
])('is made anew where it %s', async (_, harm) => {
  const dir = folder();
  const { cert } = await devCertificate(dir);
  const whole = readFileSync(cert, 'utf8');
  harm(cert, whole);
  await devCertificate(dir);
  expect(readFileSync(cert, 'utf8')).not.toBe(whole);
  expect(statSync(cert).mode & 0o777).toBe(0o600);
});

it('tells what keeps it from being written', async () => {
  const dir = folder();
  await devCertificate(dir);
  await expect(devCertificate(join(dir, 'localhost.pem', 'below'))).rejects.toMatchObject({
    code: 'ENOTDIR',
  });
});
