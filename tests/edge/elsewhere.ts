/**
 * Bad input that other tests cover, beside the code it is about. The page of bad input lists it after the rows of this suite;
 * a test sees to it that each file and title is still there.
 */

/** One kind of bad input, and the test that covers it. */
export interface Covered {
  readonly input: string;
  readonly answer: string;
  readonly file: string;
  /** What the test's title says, to the letter. */
  readonly title: string;
}

function covered(file: string, rows: readonly (readonly [string, string, string])[]): Covered[] {
  return rows.map(([input, answer, title]) => ({ input, answer, file, title }));
}

const server = 'packages/server/src';
const protocol = 'packages/protocol/src';

export const elsewhere: readonly Covered[] = [
  ...covered(`${server}/transports/handshake.test.ts`, [
    [
      'a reset while someone is being authenticated',
      'nothing',
      'a reset meanwhile ends neither the process nor leaves a session behind',
    ],
    [
      'an `authenticate` that takes too long',
      '503',
      'is given up after 10 seconds, and a late answer opens nothing',
    ],
    ['an `authenticate` that throws', '401, and nothing of what it threw', 'refuses when it %s'],
    [
      'a handshake while the server is leaving',
      '503 restart, with a Retry-After drawn by chance',
      '[L1] refuses with 503 whoever comes, and whoever is still being authenticated',
    ],
    [
      'a page without TLS, where a proxy serves TLS',
      '403 forbidden',
      'are held to TLS where a trusted proxy serves it',
    ],
  ]),
  ...covered(`${server}/transports/doors.test.ts`, [
    [
      'more handshakes under way than one address may have',
      '429 too_many',
      'may have so many handshakes under way, also of clients who are gone meanwhile',
    ],
    [
      'many addresses of one IPv6 network, or forged ones',
      '429 too_many',
      'is the one that a trusted proxy saw; what others say of themselves is not believed',
    ],
    [
      'more silent connections than one address may have',
      'cut off',
      'may have so many connections that never say anything, where the HTTP server is ours alone',
    ],
    [
      'a Host that is not among `hostsAllowed`',
      '421 forbidden',
      'calls the server by a name that it is allowed to have',
    ],
  ]),
  ...covered(`${server}/transports/attach.test.ts`, [
    [
      'an upgrade on a path that nobody takes, beside another user of upgrades',
      'cut off after 10 seconds',
      'have 10 seconds to answer on their paths; then what nobody took is ended',
    ],
    [
      'the same where all who are there are ours',
      '404, once',
      'a path nobody claims is answered once, with 404, when all who are there are ours',
    ],
  ]),
  ...covered(`${server}/transports/listen.test.ts`, [
    [
      'a host that others can reach, without TLS or without `authenticate`',
      'no start',
      'is refused for people who can’t be told apart, encrypted or not',
    ],
    [
      'a request that takes its time',
      '408 after 10 seconds',
      'gives a request 10 seconds to arrive, with TLS and without',
    ],
  ]),
  ...covered(`${server}/transports/websocket.test.ts`, [
    [
      'a frame beyond a bound, with and without a number',
      'error for the number, or close 4400',
      '[F5] are answered under their ref, and the session goes on: %s',
    ],
    [
      'an honest reader that is very slow',
      'stays',
      '[H4] and never comes to the pings is alive as long as it reads on',
    ],
  ]),
  ...covered(`${server}/transports/socket.test.ts`, [
    [
      'a close reason of our own that is too long',
      'cut to 123 bytes',
      '[L2] closes with the code of the error and a reason that fits into a close frame, whatever it says',
    ],
  ]),
  ...covered(`${server}/doc.hostile.test.ts`, [
    [
      'edits of documents that are none: cut off, random, of another encoding, with claims of 2^32',
      'error bad_payload',
      '[Y2] is refused with bad_payload, and the session goes on: %s',
    ],
    [
      'edits that are odd and well-formed: clients of 2^32, clocks far ahead, deletions of what never was',
      'stored and folded',
      '[Y2] is stored, folded, and given back: a client of 2^32, a clock far ahead, deletions of what never was',
    ],
    [
      'a document that is larger than the contract allows',
      'error payload_too_large',
      '[Y7] beyond what the contract allows takes no more edits, is read, and is mended by the server',
    ],
    [
      'well-formed edits that take half a minute to fold',
      'error quarantined, for that document alone',
      '[Y7] is quarantined: edits are refused, readers read on, other documents and the node notice nothing',
    ],
  ]),
  ...covered(`${server}/fold/doc/worker.test.ts`, [
    [
      'well-formed edits that take more memory than a document may',
      'the process that folds is ended, and another one goes on',
      '[Y7] that takes too much memory is ended, and the others go on',
    ],
  ]),
  ...covered(`${server}/session.test.ts`, [
    [
      'a client that never answers pings',
      'close 4408',
      '[H4] ends a session that answers neither pings nor anything else for two heartbeats, and no other',
    ],
    [
      'a client that sends on and on and reads nothing',
      'cut off',
      'ends a session that sends on and on and reads none of its answers',
    ],
    [
      'more subscriptions than a session may have',
      'error too_many',
      'lets a session subscribe to so many channels, also when it asks for all at once',
    ],
    [
      'more requests than may wait for an answer',
      'error too_many',
      '[F6] refuses requests beyond those that may wait for an answer, and takes more when some are answered',
    ],
    [
      '200 pages of history asked for at once, and not read',
      'one page at a time',
      '[S7] pages of history are read one by one, as the client reads them',
    ],
    [
      'a position of another log, rolled back, too old or ahead',
      'gap, with the reason',
      "'[S4] tells the gap %s for %o, and goes on from the oldest complete place'",
    ],
    [
      'subscribing and unsubscribing in one burst',
      'the right state, and no cursor left',
      '[S5] [S6] ends in the right state after subscribing and unsubscribing in one burst, and leaks no cursor',
    ],
  ]),
  ...covered(`${server}/delivery.test.ts`, [
    [
      'a reader that never reads',
      'a bounded number of bytes',
      '[D2] [D6] costs the server a bounded number of bytes, its neighbours nothing, and misses no entry',
    ],
    ['the producer of someone else', 'another producer', '[A2] keeps the numbers of one user from another'],
    [
      'a payload that is spelled oddly',
      'forwarded to the letter',
      '[F9] forwards a payload as the text that its author sent',
    ],
    [
      'a schema that throws',
      'error internal, and nothing of what it threw',
      '[A3] takes a schema that throws for a fault of its own, says nothing private, and goes on',
    ],
  ]),
  ...covered(`${server}/hub.test.ts`, [
    [
      'more channels than a node may hold open',
      'error too_many',
      'refuses more channels than it may hold, and unknown ones, and everything once it is closed',
    ],
  ]),
  ...covered(`${server}/server.test.ts`, [
    [
      'a port that is taken',
      'no start, and why',
      'says so when the port is taken, and may listen elsewhere then',
    ],
  ]),
  ...covered(`${server}/options.test.ts`, [
    [
      'an option that does not exist',
      'no start, and the one that was probably meant',
      'one that does not exist is refused, with the one that was probably meant',
    ],
    [
      'a number out of its bounds, or no number',
      'no start, and the bounds',
      '%s is refused out of its bounds, and as anything that is no whole number',
    ],
    ['`originsAllowed: "*"` and other options of the wrong kind', 'no start', '%s as %o is refused'],
    ['a payload that may be larger than a frame', 'no start', 'a payload must fit into a frame'],
  ]),
  ...covered(`${server}/transports/http/publish.test.ts`, [
    [
      'a post whose body comes too slowly',
      '408 silent, after 10 seconds',
      'a body that comes too slowly is given up',
    ],
    [
      'a post whose body goes on and on',
      '413 frame_too_large, and soon cut off',
      'a body larger than a frame, told or not, is answered and not read to its end',
    ],
    [
      'more posts than a user may send, beside their sessions or from nobody in particular',
      '429 too_many, with a Retry-After',
      '[W4] one user has one allowance, by posts and by sessions alike',
    ],
    [
      'rights that end while a hook looks at a post',
      '401 expired',
      'rights that ended while the hook was asked',
    ],
  ]),
  ...covered(`${server}/transports/http/streams/sse.test.ts`, [
    [
      'a reader of events that reads nothing',
      'written as much as its socket holds, and read for when it goes on',
      '[P14] [D6] of whom one reads nothing are held up by nothing, and nothing waits for it; it reads on from its place',
    ],
    [
      'one that takes nothing for two heartbeats',
      'cut off',
      '[H4] of whom one takes nothing for two heartbeats lose that one',
    ],
  ]),
  ...covered(`${server}/transports/http/streams.test.ts`, [
    [
      'more reads of a user than sessions may be',
      '429 too_many',
      '[P15] has as many live reads as sessions, and what is beyond them is told when to come again',
    ],
  ]),
  ...covered(`${protocol}/name.test.ts`, [
    [
      'a name of 100,000 characters',
      'refused by its length',
      '[C1] a name of 100,000 characters is refused by its length alone',
    ],
    [
      'names that differ only in case, spaces or percent signs',
      'different names',
      '[C1] names are compared exactly: never folded, trimmed or decoded',
    ],
    [
      'a pattern and a name made to take long',
      'time linear in the name',
      '[C2] matching takes time linear in the name: %s',
    ],
    ['a name that begins like a pattern', 'no match', '[C2] matching is by whole segments: no prefix passes'],
  ]),
  ...covered(`${protocol}/codec.refused.test.ts`, [
    ['fields that pollute what every object has', 'nothing', '[C3] no frame changes what every object has'],
  ]),
];
