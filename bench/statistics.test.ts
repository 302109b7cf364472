/**
 * The benchmark's arithmetic and its page, without a run: made-up results go in, and what a reader would see comes out.
 * The figures in here are inventions; measured ones stand only where the benchmark itself wrote them.
 */
import { describe, expect, it } from 'vitest';
import type { Contender } from './contenders.ts';
import { selfTimes } from './profile.ts';
import type { Scenario } from './scenario.ts';
import { efforts, scenarios } from './scenarios.ts';
import {
  figure,
  generatorBound,
  incompleteness,
  judge,
  type LoadRun,
  median,
  type RestartRun,
  type Result,
  ratio,
  type StalledRun,
} from './statistics.ts';
import { renderPage, renderRatios } from './table.ts';

const quiet: LoadRun = {
  seconds: 2,
  deliveries: 2000,
  published: 300,
  expected: 3000,
  delivered: 3000,
  lost: 0,
  doubled: 0,
  stray: 0,
  drained: true,
  generatorCpu: 0.5,
  serverCpu: 1,
  othersCpu: 0,
  p50us: 100,
  p99us: 500,
  p999us: 900,
  maxUs: 1000,
};

const restarted: RestartRun = {
  ...{ published: 30, expected: 3000, delivered: 3000, lost: 0, doubled: 0, stray: 0, drained: true },
  ...{ clients: 100, longestGapMs: 431, medianGapMs: 60, p99Ms: 8, longestDelayMs: 474 },
  ...{ reconnects: 302, overlaps: 298, failedAttempts: 0 },
};

/** A run with 10 stalled readers, for each of whom the server grew by so much. */
function stalled(bytes: number): StalledRun {
  return { ...quiet, stalled: 10, rssBefore: 500, rssAfter: 500 + 10 * bytes, heapBefore: 0, heapAfter: 0 };
}

function scenario(name: string): Scenario {
  const found = scenarios.find((s) => s.name === name);
  if (!found) throw new Error(`no scenario ${name}`);
  return found;
}

function result(contender: Contender, deliveries: readonly number[], more: Partial<Result> = {}): Result {
  const runs = deliveries.map((n) => ({ ...quiet, deliveries: n }));
  return { scenario: scenario('fanout-16'), contender, runs, setAside: [], failures: [], ...more };
}

function page(results: readonly Result[], of = [scenario('fanout-16')]): string {
  const machine = {
    processor: 'A Processor',
    cores: 2,
    memoryGb: 8,
    kernel: 'Linux 6',
    congestionControl: 'cubic',
    node: '24.0.0',
    ws: '8.0.0',
    socketio: '4.0.0',
    hocuspocus: '4',
    yjs: '13',
    commit: 'abc1234',
    date: '2026-01-01',
  };
  const notes = ['The server is pinned to core 0, the generator to core 1.'];
  return renderPage({ machine, notes, effort: efforts.full, scenarios: of, results, snapshots: [] });
}

describe('median', () => {
  it('is the middle of the sorted values', () => expect(median([10, 1, 9])).toBe(9));
  it('is between the two middle ones', () => expect(median([4, 1, 3, 100])).toBe(3.5));
  it('is no number when there are no values', () => expect(median([])).toBeNaN());
});

describe('incompleteness', () => {
  it('finds nothing when every publish reached every subscriber', () => {
    expect(incompleteness(quiet)).toBeUndefined();
  });
  it('names a loss', () => {
    expect(incompleteness({ ...quiet, delivered: 2999, lost: 1, drained: false })).toContain('2999 of 3000');
  });
  it('is not deceived by a doubled delivery that makes up for a lost one', () => {
    expect(incompleteness({ ...quiet, lost: 1, doubled: 1 })).toContain('1 lost, 1 doubled');
  });
});

describe('ratio and judge', () => {
  const bar = { of: 'syncline', than: 'socketio', ratio: 12 } as const;
  const peer = result('socketio', [100, 90, 5000]);

  it('divides the medians', () => {
    expect(ratio([result('syncline', [1200, 1, 1300]), peer], scenario('fanout-16'), bar)).toBe(12);
  });
  it('meets a bar at the bar itself', () => {
    expect(judge([result('syncline', [100 * bar.ratio]), peer], scenario('fanout-16'), bar)).toBe('met');
  });
  it('misses it below', () => {
    expect(judge([result('syncline', [100 * bar.ratio - 1]), peer], scenario('fanout-16'), bar)).toBe(
      'missed',
    );
  });
  it('lets no figure make up for a failed run', () => {
    const own = result('syncline', [1e9], { failures: ['1 lost'] });
    expect(judge([own, peer], scenario('fanout-16'), bar)).toBe('failed');
  });
  it('says when there is nothing to compare with', () => {
    expect(judge([peer], scenario('fanout-16'), bar)).toBe('not measured');
  });
  it('wants less where less is better', () => {
    const memory = scenario('idle');
    const idle = (contender: Contender, rssAfter: number): Result => {
      const runs = [{ connections: 10, rssBefore: 0, rssAfter, heapBefore: 0, heapAfter: 0 }];
      return { scenario: memory, contender, runs, setAside: [], failures: [] };
    };
    const verdicts = [120, 140].map((own) =>
      memory.bars.map((b) => judge([idle('syncline', own), idle('ws', 100)], memory, b)),
    );
    expect(verdicts).toEqual([['met'], ['missed']]);
  });
  it('judges a figure itself where the bar is one, and a loss before it', () => {
    const bounded = scenario('stalled');
    const verdicts = [131_072, 131_073].map((bytes) =>
      judge([{ ...result('syncline', []), scenario: bounded, runs: [stalled(bytes)] }], bounded, {
        atMost: 131_072,
      }),
    );
    expect(verdicts).toEqual(['met', 'missed']);
    const lossy = { ...result('syncline', []), scenario: bounded, runs: [stalled(1)], failures: ['1 lost'] };
    expect(judge([lossy], bounded, { atMost: 131_072 })).toBe('failed');
  });
  it('compares Syncline with itself, and holds a failure against the one that is judged', () => {
    const edge = scenario('edge-rooms');
    const of = (contender: Contender, deliveries: number, failures: string[] = []): Result => {
      return { ...result(contender, [deliveries], { failures }), scenario: edge };
    };
    const cost = { of: 'syncline-jwt', than: 'syncline', ratio: 0.95 } as const;
    expect(judge([of('syncline', 1000), of('syncline-jwt', 960)], edge, cost)).toBe('met');
    expect(judge([of('syncline', 1000), of('syncline-jwt', 940)], edge, cost)).toBe('missed');
    expect(judge([of('syncline', 1), of('syncline-jwt', 2, ['1 lost'])], edge, cost)).toBe('failed');
  });
});

describe('figure', () => {
  it('is deliveries per second, p99, or bytes per connection', () => {
    expect(figure(quiet, 'throughput')).toBe(1000);
    expect(figure(quiet, 'latency')).toBe(500);
    const idle = { connections: 4, rssBefore: 100, rssAfter: 300, heapBefore: 0, heapAfter: 0 };
    expect(figure(idle, 'idle')).toBe(50);
  });
  it('is bytes per stalled reader, though such a run has deliveries too', () => {
    expect(figure(stalled(7000), 'stalled')).toBe(7000);
  });
  it('is deliveries per second of processor time where a cost is asked for', () => {
    expect(figure({ ...quiet, serverCpu: 0.5 }, 'cost')).toBe(2000);
  });
  it('is the longest gap of a restart', () => expect(figure(restarted, 'restart')).toBe(431));
});

describe('the page', () => {
  it('marks a row that the generator limits while the server does not', () => {
    expect(generatorBound({ ...quiet, generatorCpu: 0.95, serverCpu: 0.6 })).toBe(true);
    expect(generatorBound({ ...quiet, generatorCpu: 0.95, serverCpu: 0.99 })).toBe(false);
    const bound = result('ws', [], { runs: [{ ...quiet, generatorCpu: 0.95, serverCpu: 0.6 }] });
    expect(page([bound])).toContain('bound by the generator');
  });
  it('puts the ratios before the figures, and machine and commit on the page', () => {
    const text = page([result('syncline', [1200]), result('socketio', [100]), result('ws', [150])]);
    expect(text).toContain('| 12.0 × | 8.00 × | ≥ 12 × Socket.IO 4 | met |');
    expect(text.indexOf('12.0 ×')).toBeLessThan(text.indexOf('## Fan-out'));
    expect(text).toContain('A Processor, 2 cores, 8 GB');
    expect(text).toContain('commit abc1234');
  });
  it('shows failures, and doubts a verdict won on a busy machine', () => {
    const busy = result('syncline', [], { runs: [{ ...quiet, othersCpu: 0.8 }] });
    const text = page([busy, result('socketio', [100], { failures: ['3 lost'] })]);
    expect(text).toContain('**failed:** 3 lost');
    expect(text).toContain('(on a busy machine)');
  });
  it('says how many runs were set aside', () => {
    expect(page([result('syncline', [1200], { setAside: [quiet] })])).toContain('machine was busy: 1');
  });
  it('gives each line-up a table of its own, with its own pairs', () => {
    const of = ['fanout-16', 'edge-rooms', 'restart'].map(scenario);
    const runs = [restarted];
    const text = page([{ ...result('syncline', []), scenario: scenario('restart'), runs }], of);
    expect(text).toContain('| scenario | figure | Syncline ÷ Socket.IO | Syncline ÷ ws | bar | verdict |');
    expect(text).toContain('JWT and capabilities: ≥ 0.95 × Syncline');
    expect(text).toContain('| 431 | none | – |');
    expect(text).toContain('| 302 | 298 | 0 | complete |');
  });
  it('writes the figures that a program of its own told, the one it is judged by first', () => {
    const fleet = scenario('fleet');
    const told = (contender: Contender, bytesPerViewer: number, failures: string[] = []): Result => {
      const run = { judged: bytesPerViewer, facts: { bytesPerViewer, serverCpu: 0.25, ageMs: 501.5 } };
      return { scenario: fleet, contender, runs: [run], setAside: [], failures };
    };
    const text = page([told('syncline-views', 18_000), told('syncline-everyone', 900_000)], [fleet]);
    expect(text).toContain('| 0.02 × | none | – |');
    expect(text).toContain('| 18.0 | 18.0 to 18.0 | 25 % | 502 ms | NaN ms |');
    expect(page([told('syncline-views', 1, ['the viewer saw nothing'])], [fleet])).toContain(
      '**failed:** the viewer saw nothing',
    );
  });
  it('explains only what was measured', () => {
    expect(page([], [scenario('stalled')])).toContain('*Stalled readers*');
    expect(page([])).not.toContain('*Stalled readers*');
  });
  it('leaves a ratio open when a peer was not measured', () => {
    const report = { scenarios: [scenario('fanout-16')], results: [result('syncline', [1])] };
    expect(renderRatios(report)).toContain('| – | – |');
  });
});

describe('selfTimes', () => {
  it('adds up by function, without idle time', () => {
    const frame = (functionName: string) => ({ functionName, url: '', lineNumber: 0 });
    const nodes = ['(idle)', 'write', 'read', 'write'].map((name, id) => ({ id, callFrame: frame(name) }));
    const profile = { nodes, samples: [0, 1, 2, 3], timeDeltas: [1000, 30, 10, 60] };
    expect(selfTimes(profile)).toEqual([
      { where: 'write', share: 0.9 },
      { where: 'read', share: 0.1 },
    ]);
  });
});
