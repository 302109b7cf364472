/**
 * Bugs that are planted on purpose, to see that the checker is awake: each row is played like a scenario, and fails unless the
 * invariant that it breaks is named. The tests play them all.
 */
import { cpSync, rmSync } from 'node:fs';
import type { Invariant } from './checker/terms.ts';
import type { RigOptions } from './rig.ts';
import type { Scenario } from './scenario.ts';
import { scenarios } from './scenarios.ts';

export interface Planted {
  readonly bug: string;
  readonly plant: NonNullable<RigOptions['plant']> | null;
  readonly scenario: Scenario;
  /** All of these have to be named. */
  readonly breaks: readonly Invariant[];
}

/** A shorter one of the table. */
function short(id: string, seconds: number): Scenario {
  const scenario = scenarios.find((one) => one.id === id);
  if (!scenario) throw new Error(`There is no scenario ${id}.`);
  return { ...scenario, seconds, floor: { acknowledged: 1, reconnects: 0, faults: 1 } };
}

/** The node dies, and comes back with its folder as it was some time before. */
const rolledBack: Scenario = {
  id: 'rolled-back',
  title: 'An older copy of the folder',
  injects: 'the node is killed and its folder is put back to what it was a second before',
  topology: 'disk',
  about: ['I1', 'I5', 'I8'],
  seconds: 3,
  perSecond: 80,
  repeats: false,
  terms: { control: null },
  floor: { acknowledged: 1, reconnects: 0 },
  run: async (rig, seconds) => {
    const { dir } = rig.folder;
    const copy = `${dir}.copy`;
    rig.fault('kill -9', rig.node.name);
    await rig.node.kill();
    cpSync(dir, copy, { recursive: true });
    await rig.startNode();
    await rig.wait(seconds * 1000);
    await rig.node.kill();
    rmSync(dir, { recursive: true });
    cpSync(copy, dir, { recursive: true });
    await rig.startNode();
  },
};

export const planted: readonly Planted[] = [
  {
    bug: 'a client drops one delivery in forty',
    plant: 'drop-delivery',
    scenario: short('F01', 2),
    breaks: ['I1'],
  },
  {
    bug: 'a node takes a repeated publish for a new one',
    plant: 'forget-producer',
    scenario: short('F20', 5),
    breaks: ['I3'],
  },
  {
    bug: 'a node believes any token and withdraws none, loses edits, logs what is published, counts wrong, is late with heartbeats, and stands still for a second',
    plant: 'careless',
    scenario: { ...short('F01', 7), terms: { healMs: 10_000, control: null } },
    breaks: ['I12', 'I15', 'I17', 'I18', 'I19', 'I20', 'I21'],
  },
  {
    bug: 'a node ends rights after a minute of its wall clock',
    plant: 'brief-rights',
    scenario: short('F94', 4),
    breaks: ['I23'],
  },
  {
    bug: 'offsets are used again, and everyone is told',
    plant: null,
    scenario: rolledBack,
    breaks: ['I1'],
  },
  {
    bug: 'offsets are used again, and nobody is told',
    plant: 'hush-gap',
    scenario: rolledBack,
    breaks: ['I5'],
  },
];
