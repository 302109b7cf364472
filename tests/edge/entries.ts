/**
 * The ways into a server, one row each: how to ask for it, and how to find out that a connection still works. Every check of
 * this suite runs over each of them that it fits; a new way in is a new row here.
 */
import { frame, opcodes } from '@syncline/server/testing';

export interface Entry {
  readonly name: 'native' | 'plain';
  readonly path: string;
  readonly subprotocol: string | null;
  /** What a client sends so that entries are delivered to it. */
  readonly begin: Buffer;
  /** What is said to everyone who begins. */
  readonly greetings: readonly string[];
  /** What a client sends to learn whether everything before it was dealt with. */
  readonly question: Buffer;
  /** Whether the server is asked to append the sign, once the pong shows that it has read everything. */
  readonly others: boolean;
  /** What answers the question, as it stands in a frame. */
  readonly sign: RegExp;
}

/** What another client of the plain channel is seen to send. */
export const sign = 'edge:sign';

export const entries: readonly Entry[] = [
  {
    name: 'native',
    path: '/sync',
    subprotocol: 'syncline.v1',
    begin: frame('["subscribe",4242,"chat/edge",0]'),
    greetings: ['welcome', 'subscribed for 4242'],
    question: frame('["heartbeat"]'),
    others: false,
    sign: /^\["heartbeat",/,
  },
  {
    name: 'plain',
    path: '/chat',
    subprotocol: null,
    begin: Buffer.alloc(0),
    greetings: [],
    question: frame(sign, { opcode: opcodes.ping }),
    others: true,
    sign: new RegExp(`^"${sign}"$`),
  },
];
