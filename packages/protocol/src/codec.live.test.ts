/**
 * The frames of views, presence and signals, field by field: what a filter may say and what is made of it, leases that are never
 * repeated, companions as channels. That each is read back is proven with all others in codec.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeClient, decodeServer, encodeClient, encodeServer } from './codec.ts';
import type { ViewFilter } from './frame.ts';
import * as frames from './frames.suite.ts';

/** The filter of a view, given as JSON, as it is read; or why it isn't. */
function filterOf(json: string): ViewFilter | null | string {
  const frame = decodeClient(`["view",7,"fleet/berlin",0,${json}]`);
  if (frame.type === 'view') return frame.filter;
  if (frame.type !== 'refused') throw new Error('It was read as another frame.');
  expect([frame.ref, frame.error.code]).toEqual([7, 'bad_frame']);
  return frame.error.message;
}

const cannot = (frame: string, field: string, expected: string, got: string) =>
  `The frame "${frame}" can't be read: expected \`${field}\` to be ${expected}, got ${got}.`;

describe('views', () => {
  test('[V1] a view is opened, moved and ended by one frame, and answered with its number', () => {
    const filter = { keys: ['a', '__proto__'], prefix: 'b/', bbox: [13, 52, 14, 53], maxHz: 2.5 } as const;
    const text = encodeClient({ type: 'view', ref: 7, channel: 'fleet/berlin', id: 0, filter });
    expect(text).toBe(
      '["view",7,"fleet/berlin",0,{"keys":["a","__proto__"],"prefix":"b/","bbox":[13,52,14,53],"maxHz":2.5}]',
    );
    expect(decodeClient(text)).toEqual({ type: 'view', ref: 7, channel: 'fleet/berlin', id: 0, filter });
    expect(encodeClient({ type: 'view', ref: 8, channel: 'a', id: 3, filter: null })).toBe(
      '["view",8,"a",3,null]',
    );
    expect(encodeServer({ type: 'viewing', ref: 8, id: 3 })).toBe('["viewing",8,3]');
  });

  test('[V2] all members of a filter are optional, and unknown ones are ignored', () => {
    expect(filterOf('{}')).toEqual({});
    expect(filterOf('{"zoom":7,"constructor":[],"prefix":""}')).toEqual({ prefix: '' });
    expect(filterOf('{"__proto__":{"prefix":"a"},"keys":["k"]}')).toStrictEqual({ keys: ['k'] });
    const keys = Array.from({ length: 1000 }, (_, i) => (i > 0 ? `k${i}` : 'k'.repeat(255)));
    expect(filterOf(JSON.stringify({ keys }))).toEqual({ keys });
  });

  const keys = '`keys` as a list of up to 1000 keys of 1 to 255 characters';
  const box = '`bbox` as [west, south, east, north] in degrees, south not above north';
  test.each([
    ['7', 'a filter {"keys":[…], "prefix":"…", "bbox":[west, south, east, north], "maxHz":n}', '7 (number)'],
    ['[]', 'a filter {"keys":[…], "prefix":"…", "bbox":[west, south, east, north], "maxHz":n}', 'an array'],
    ['{"keys":"k"}', keys, '"k" (string)'],
    ['{"keys":[""]}', keys, 'an array'],
    ['{"keys":[7]}', keys, 'an array'],
    ['{"keys":null}', keys, 'null'],
    [`{"keys":["${'k'.repeat(256)}"]}`, keys, 'an array'],
    [JSON.stringify({ keys: Array(1001).fill('k') }), keys, 'an array'],
    ['{"prefix":7}', '`prefix` as a text of up to 255 characters', '7 (number)'],
    ['{"prefix":null}', '`prefix` as a text of up to 255 characters', 'null'],
    ['{"bbox":[1,2,3]}', box, 'an array'],
    ['{"bbox":[1,2,3,4,5,6]}', box, 'an array'],
    ['{"bbox":[1,3,3,2]}', box, 'an array'],
    ['{"bbox":[1,2,3,"4"]}', box, 'an array'],
    ['{"bbox":[1,2,1e400,4]}', box, 'an array'],
    ['{"bbox":{}}', box, 'an object'],
    ['{"maxHz":0}', '`maxHz` as a number from 0.01 to 1000', '0 (number)'],
    ['{"maxHz":1001}', '`maxHz` as a number from 0.01 to 1000', '1001 (number)'],
    ['{"maxHz":"1"}', '`maxHz` as a number from 0.01 to 1000', '"1" (string)'],
  ])('[V2] a filter that is none is refused: %.60s', (json, expected, got) => {
    expect(filterOf(json)).toBe(cannot('view', 'filter', expected, got));
  });

  test.each([
    ['a box that crosses the antimeridian stays as it is', [170, -20, -170, 0], [170, -20, -170, 0]],
    ['the whole globe', [-180, -90, 180, 90], [-180, -90, 180, 90]],
    ['a map scrolled beyond the antimeridian, east', [170, 0, 190, 1], [170, 0, -170, 1]],
    ['a map scrolled beyond the antimeridian, west', [-190, 0, -170, 1], [170, 0, -170, 1]],
    ['a map scrolled around the globe', [730, 0, 740, 1], [10, 0, 20, 1]],
    ['a map that shows the globe more than once', [-300, -85, 300, 85], [-180, -85, 180, 85]],
    ['a point', [5, 6, 5, 6], [5, 6, 5, 6]],
  ])('[V2] longitudes are those of the globe: %s', (_what, given, read) => {
    expect(filterOf(JSON.stringify({ bbox: given }))).toEqual({ bbox: read });
  });

  test('[V2] -0 is 0', () => {
    expect(filterOf('{"bbox":[-0,-0,-0,-0]}')).toStrictEqual({ bbox: [0, 0, 0, 0] });
  });

  test('[V2] wherever a box lies, a place is in it exactly if it is in the box that is read', () => {
    const longitude = fc.integer({ min: -1000, max: 1000 });
    const holds = (west: number, east: number, place: number) =>
      west <= east ? west <= place && place <= east : place >= west || place <= east;
    fc.assert(
      fc.property(longitude, fc.nat(400), fc.integer({ min: -179, max: 179 }), (west, width, place) => {
        const read = filterOf(JSON.stringify({ bbox: [west, 0, west + width, 0] }));
        if (!read || typeof read === 'string' || !read.bbox) throw new Error('It was not read.');
        const turns = [-3, -2, -1, 0, 1, 2, 3, 4].map((turn) => place + 360 * turn);
        expect(holds(read.bbox[0], read.bbox[2], place)).toBe(
          turns.some((turned) => west <= turned && turned <= west + width),
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('[V3] rows travel as the text that they are, and keys that are gone with the reason', () => {
    const rows = ['["car 1",{"lat": 1.0},7,1000,null]', '["car 2",1e400,8,1001,"mia",{"at":5}]'];
    const gone = [
      ['car 3', 'exit'],
      ['__proto__', 'delete'],
      ['"', 'expire'],
    ] as const;
    const text = `["seen",3,8,false,[${rows.join(',')}],[["car 3","exit"],["__proto__","delete"],["\\"","expire"]]]`;
    expect(encodeServer({ type: 'seen', id: 3, offset: 8, more: false, rows, gone })).toBe(text);
    expect(decodeServer(text)).toEqual({ type: 'seen', id: 3, offset: 8, more: false, rows, gone });
  });

  test.each([
    ['["seen",3,8,false,[],[["k","lost"]]]', 'gone', '"exit" or "delete" or "expire"', '"lost" (string)'],
    ['["seen",3,8,false,[],[["","exit"]]]', 'gone', 'a list of keys that are gone [key, why]', 'an array'],
    ['["seen",3,8,false,[],[7]]', 'gone', 'a list of keys that are gone [key, why]', '7 (number)'],
  ])('[V3] what tells otherwise of keys is no frame: %s', (text, field, expected, got) => {
    expect(() => decodeServer(text)).toThrow(cannot('seen', field, expected, got));
  });
});

describe('presence and signals', () => {
  const lease = 'abcdefghij0123456789';

  test('[N1] entering is one frame with a lease and data, whose text is its author’s', () => {
    const text = `["enter",7,"chat/a","${lease}",{"name": "Mia","n":1.0}]`;
    expect(decodeClient(text)).toEqual({
      ...{ type: 'enter', ref: 7, channel: 'chat/a', lease, data: '{"name": "Mia","n":1.0}' },
    });
    expect(decodeServer('["entered",7,"AAAAAAAAAAAAAAAAAAAA-_"]')).toEqual({
      ...{ type: 'entered', ref: 7, key: 'AAAAAAAAAAAAAAAAAAAA-_' },
    });
    expect(encodeClient({ type: 'leave', ref: 8, channel: 'chat/a', lease })).toBe(
      `["leave",8,"chat/a","${lease}"]`,
    );
  });

  test.each([
    ['15 characters', 's3cret012345678'],
    ['65 characters', 's3cret'.padEnd(65, 'x')],
    ['capitals', 'S3CRETs3crets3cret'],
    ['a line feed', 's3crets3crets3cret\n'],
  ])('[N1] a lease that is none is refused, and never repeated: %s', (_what, secret) => {
    for (const type of ['enter', 'leave', 'signal']) {
      const frame = decodeClient(JSON.stringify([type, 7, 'chat/a', secret, 1]));
      if (frame.type !== 'refused') throw new Error('It was taken.');
      expect(frame.error.message).toBe(
        cannot(type, 'lease', 'a lease of 16 to 64 characters of a–z 0–9', '"a secret" (string)'),
      );
    }
  });

  test('[N1] a lease has 16 to 64 characters, a key 22', () => {
    for (const good of ['a'.repeat(16), '9'.repeat(64)])
      expect(decodeClient(`["leave",1,"c","${good}"]`)).toMatchObject({ type: 'leave', lease: good });
    for (const bad of ['A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}+`])
      expect(() => decodeServer(`["entered",1,"${bad}"]`)).toThrow('a key of 22 characters');
  });

  test('[N6] signals come as a list of key, user and the text of the data', () => {
    fc.assert(
      fc.property(frames.serverFrames.signals, (frame) => {
        expect(decodeServer(encodeServer(frame))).toEqual(frame);
      }),
    );
    expect(decodeServer('["signals",3,[["k",null,{"typing": true}],["l","mia",1.0]]]')).toEqual({
      type: 'signals',
      id: 3,
      signals: [
        ['k', null, '{"typing": true}'],
        ['l', 'mia', '1.0'],
      ],
    });
    for (const bad of ['[["k",null]]', '[["k",7,1]]', '[[7,null,1]]', '[{}]', '[7]'])
      expect(() => decodeServer(`["signals",3,${bad}]`)).toThrow('a list of signals [key, from, data]');
  });

  test('[C4] a companion stands wherever a channel does', () => {
    const channel = 'chat/lobby?presence';
    for (const rest of [
      '"subscribe",1,C,0',
      '"unsubscribe",1,C',
      '"history",1,C,"after",0,1',
      '"publish",1,C,"p",1,0',
    ])
      expect(decodeClient(`[${rest.replace('C', `"${channel}"`)}]`)).toMatchObject({ channel });
    for (const bad of [
      'chat/lobby?',
      '?presence',
      'chat/lobby?Presence',
      'chat?presence/lobby',
      'a?b?c',
      `a?${'b'.repeat(17)}`,
    ])
      expect(decodeClient(JSON.stringify(['unsubscribe', 1, bad])).type, bad).toBe('refused');
  });
});
