/**
 * Faults of deploys: a crowd that loses one of its nodes, and nodes that must not start, because what they are told or what they find is
 * wrong. Whoever is there already notices nothing of those.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Rig } from '../rig.ts';
import type { Scenario } from '../scenario.ts';
import { command } from './backplane.ts';
import { moved } from './moved.ts';

const syncline = fileURLToPath(new URL('../../../../packages/cli/bin/syncline.mjs', import.meta.url));
const channels = fileURLToPath(new URL('../contract.ts', import.meta.url));

/** Runs `syncline serve`, which has to end with one line that says why. @throws Error when it doesn't */
async function serveInVain(rig: Rig, fault: string, says: RegExp, args: readonly string[]): Promise<void> {
  rig.fault(fault, 'one more node');
  const all = ['--disable-warning=ExperimentalWarning', syncline, 'serve', ...args];
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 30_000 });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const lines = said.split('\n').filter(Boolean);
  if (code === 0 || code === null) throw new Error(`${fault}: it ended with ${signal ?? code}.`);
  if (lines.length !== 1 || !says.test(said)) throw new Error(`${fault}: it said ${JSON.stringify(said)}.`);
}

export const fleets: readonly Scenario[] = [
  {
    id: 'F89',
    title: 'An avalanche',
    injects: 'one of two nodes is killed with SIGKILL under 250 clients; half of them go to the other one',
    topology: 'redis',
    about: ['I1', 'I14', 'I22'],
    seconds: 6,
    clients: 250,
    perSecond: 10,
    floor: { reconnects: 100, faults: 1 },
    run: async (rig, seconds) => {
      const node = rig.nodeBeside;
      rig.fault('kill -9', node.name);
      await node.kill();
      await rig.wait(seconds * 1000);
    },
  },
  {
    id: 'F90',
    title: 'Two releases on one Redis',
    injects:
      'what is stored is marked as of another release’s layout, in both directions, when a node starts: it refuses to; those that run go on',
    topology: 'redis',
    about: ['I1', 'I5'],
    seconds: 4,
    floor: { reconnects: 0, faults: 3 },
    run: async (rig, seconds) => {
      const dialled = moved(rig);
      const key = 'syncline:schema';
      const own = String(await command(rig, 'GET', key));
      for (const other of [String(Number(own) + 1), String(Number(own) - 1), 'junk']) {
        rig.fault(`layout ${other}`, 'redis');
        await command(rig, 'SET', key, other);
        const said = await rig.startInVain();
        if (!/another program or version wrote it/.test(said)) throw new Error(`It said ${said}.`);
        await rig.wait((seconds * 1000) / 3);
      }
      await command(rig, 'SET', key, own);
      await rig.startNode();
      dialled.none('a node that did not start');
    },
  },
  {
    id: 'F91',
    title: 'A bad configuration',
    injects:
      '`syncline serve` with a port that is none, one that is taken, a contract that is none, and a folder that another node has',
    topology: 'disk',
    about: ['I14', 'I16'],
    seconds: 2,
    floor: { reconnects: 0, faults: 4 },
    run: async (rig, seconds) => {
      const dialled = moved(rig);
      const dir = mkdtempSync(join(tmpdir(), 'syncline-bad-'));
      const bad = join(dir, 'channels.ts');
      writeFileSync(bad, 'export const channels = 7;\n');
      const args = (of: string, data: string, port: string) => [
        '--channels',
        of,
        '--data',
        data,
        '--port',
        port,
      ];
      const { port } = rig.node;
      await serveInVain(rig, 'a port that is none', /port/, args(channels, dir, 'eighty'));
      await serveInVain(
        rig,
        'a port that is taken',
        /another program listens/,
        args(channels, dir, String(port)),
      );
      await serveInVain(rig, 'no contract', /channels/, args(bad, dir, '0'));
      await serveInVain(
        rig,
        'a folder of another node',
        /another|in use/,
        args(channels, rig.folder.dir, '0'),
      );
      await rig.wait(seconds * 1000);
      dialled.none('a node that did not start');
    },
  },
];
