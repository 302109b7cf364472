/**
 * What every implementation of `Nodes` must do, as one suite: those in memory and those over Redis run it. It sees the contract of
 * broker.ts only, and waits for what comes of time in the subject's own way.
 */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Nodes } from './broker.ts';

/** One node under test. */
export interface NodeSubject {
  readonly nodes: Nodes;
  /** It gives no sign of life any more, and is told nothing, until it is thawed. */
  freeze(): void;
  thaw(): void;
  close(): void | Promise<void>;
}

export interface NodesSubject {
  /** One more node; resolves when it is registered. */
  join(): Promise<NodeSubject>;
  /** Resolves when a check passes, with time going on meanwhile; rejects when it doesn't for several times as long as a node may be silent. */
  until(check: () => void | Promise<void>): Promise<void>;
  /** Resolves when nodes that are silent from now on would have been found gone. */
  goneTime(): Promise<void>;
}

export function nodesSuite(name: string, make: () => Promise<NodesSubject>): void {
  describe(name, () => {
    identity(make);
    telling(make);
    going(make);
    returning(make);
  });
}

type Make = () => Promise<NodesSubject>;

/** Several nodes, and which ids each was told of. */
async function joined(make: Make, count: number) {
  const subject = await make();
  const nodes: NodeSubject[] = [];
  for (let i = 0; i < count; i++) nodes.push(await subject.join());
  // A subject may have nodes of its own, to tell the time by.
  const known = nodes.map((one) => one.nodes.id);
  const told = nodes.map((one) => {
    const ids: string[] = [];
    one.nodes.onGone((id) => known.includes(id) && ids.push(id));
    return ids;
  });
  return { ...subject, subject, nodes, told };
}

function at<T>(list: readonly T[], index: number): T {
  const one = list[index];
  if (one === undefined) throw new Error(`There is no ${index} in the list.`);
  return one;
}

function identity(make: Make): void {
  it('each node has a name of its own that stands in entries as it is', async () => {
    const { nodes } = await joined(make, 3);
    const ids = nodes.map((one) => one.nodes.id);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(id).toMatch(/^[\w-]{1,64}$/);
  });

  it('a node that has joined is known to be there from then on; a name that nobody has is gone', async () => {
    const { nodes, until } = await joined(make, 2);
    const ids = nodes.map((one) => one.nodes.id);
    expect(await at(nodes, 0).nodes.gone(ids)).toEqual([]);
    await until(async () => expect(await at(nodes, 0).nodes.gone([...ids, 'nobody'])).toEqual(['nobody']));
    expect(await at(nodes, 1).nodes.gone([])).toEqual([]);
  });
}

function telling(make: Make): void {
  it('what one tells is heard by the others who hear that topic, as it was told, and not by itself', async () => {
    const { nodes, until } = await joined(make, 3);
    const heard = nodes.map((one, i) => {
      const texts: string[] = [];
      one.nodes.hear(i === 2 ? 'other' : 'topic', (text) => texts.push(text));
      return texts;
    });
    const text = '{"é":"日本 \\u0000","emoji":"🙂"}';
    await until(() => {
      at(nodes, 0).nodes.tell('topic', text);
      expect(at(heard, 1)).toContain(text);
    });
    expect(at(heard, 0)).toEqual([]);
    expect(at(heard, 2)).toEqual([]);
    expect(new Set(at(heard, 1))).toEqual(new Set([text]));
  });

  it('each who hears a topic is told until it stops, whatever another one throws', async () => {
    const { nodes, until } = await joined(make, 2);
    const heard: string[][] = [[], []];
    const { hear } = at(nodes, 1).nodes;
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const stops = heard.map((texts) =>
      hear.call(at(nodes, 1).nodes, 'topic', (text) => {
        texts.push(text);
        if (text === 'bad') throw new Error('a listener that throws');
      }),
    );
    const tellUntil = (text: string, whose: readonly string[]) =>
      until(() => {
        at(nodes, 0).nodes.tell('topic', text);
        expect(whose).toContain(text);
      });
    await tellUntil('bad', at(heard, 1));
    await tellUntil('one', at(heard, 1));
    await until(() => expect(at(heard, 0)).toContain('one'));
    await until(() => expect(warned).toHaveBeenCalledWith(expect.stringContaining('a listener that throws')));
    at(stops, 0)();
    at(stops, 0)();
    await tellUntil('two', at(heard, 1));
    expect(at(heard, 0)).not.toContain('two');
  });

  it('what is told of keys that objects have is heard as well', async () => {
    const { nodes, until } = await joined(make, 2);
    const heard: string[] = [];
    at(nodes, 1).nodes.hear('__proto__', (text) => heard.push(text));
    await until(() => {
      at(nodes, 0).nodes.tell('__proto__', 'constructor');
      expect(heard).toContain('constructor');
    });
  });
}

function going(make: Make): void {
  it('a node that gives no sign of life is found gone by every survivor, and by none a second time', async () => {
    const { nodes, told, until, goneTime } = await joined(make, 3);
    const { id } = at(nodes, 2).nodes;
    at(nodes, 2).freeze();
    await until(() => expect([at(told, 0), at(told, 1)]).toEqual([[id], [id]]));
    expect(await at(nodes, 0).nodes.gone([id])).toEqual([id]);
    await goneTime();
    expect([at(told, 0), at(told, 1), at(told, 2)]).toEqual([[id], [id], []]);
    expect(await at(nodes, 0).nodes.gone(nodes.map((one) => one.nodes.id))).toEqual([id]);
  });

  it('a node that closed is found gone', async () => {
    const { nodes, told, until } = await joined(make, 2);
    const { id } = at(nodes, 1).nodes;
    await at(nodes, 1).close();
    await until(() => expect(at(told, 0)).toEqual([id]));
    expect(await at(nodes, 0).nodes.gone([id])).toEqual([id]);
  });

  it('nodes that go on are never gone, however long', async () => {
    const { nodes, told, goneTime } = await joined(make, 2);
    await goneTime();
    await goneTime();
    expect(told).toEqual([[], []]);
    expect(await at(nodes, 0).nodes.gone(nodes.map((one) => one.nodes.id))).toEqual([]);
  });

  it('who stopped being told of it is told no more', async () => {
    const { nodes, told, until } = await joined(make, 2);
    const ids: string[] = [];
    at(nodes, 0).nodes.onGone((id) => ids.push(id))();
    at(nodes, 1).freeze();
    await until(() => expect(at(told, 0)).toHaveLength(1));
    expect(ids).toEqual([]);
  });
}

function returning(make: Make): void {
  it('a node that was taken for gone learns it when it goes on, and is there again for the others', async () => {
    const { nodes, told, until } = await joined(make, 2);
    const { id } = at(nodes, 1).nodes;
    at(nodes, 1).freeze();
    await until(() => expect(at(told, 0)).toEqual([id]));
    at(nodes, 1).thaw();
    await until(() => expect(at(told, 1)).toContain(id));
    await until(async () => expect(await at(nodes, 0).nodes.gone([id])).toEqual([]));
    at(nodes, 1).freeze();
    await until(() => expect(at(told, 0)).toEqual([id, id]));
  });

  it('a node that was silent for a moment is taken for gone by nobody', async () => {
    const { nodes, told, goneTime } = await joined(make, 2);
    at(nodes, 1).freeze();
    at(nodes, 1).thaw();
    await goneTime();
    expect(told).toEqual([[], []]);
  });

  it('frozen nodes are all found gone by the one that goes on, also where all were frozen at once', async () => {
    const { nodes, until, goneTime } = await joined(make, 3);
    const ids = nodes.map((one) => one.nodes.id);
    for (const one of nodes) one.freeze();
    await goneTime();
    at(nodes, 0).thaw();
    await until(async () =>
      expect(new Set(await at(nodes, 0).nodes.gone(ids))).toEqual(new Set(ids.slice(1))),
    );
  });
}
