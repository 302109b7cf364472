/**
 * All rows of this suite by subject, in the order in which the page of bad input lists them. A new table of rows is named
 * here; what runs the rows and what writes the page both read this.
 */
import * as api from './api.rows.ts';
import * as door from './door.rows.ts';
import * as frames from './frames.rows.ts';
import * as handshake from './handshake.rows.ts';
import type { Row } from './harness.ts';
import * as byLink from './links.rows.ts';
import * as messages from './messages.rows.ts';
import * as names from './names.rows.ts';
import * as byPost from './posts.rows.ts';
import * as streams from './streams.rows.ts';

/** Rows about one thing. */
export interface Subject {
  readonly title: string;
  readonly rows: readonly Row[];
}

export const handshakes: readonly Subject[] = [
  { title: 'The path and the method', rows: handshake.paths },
  { title: 'Versions and keys', rows: handshake.versions },
  { title: 'Header fields', rows: handshake.headers },
  { title: 'Origins', rows: handshake.origins },
  { title: 'Subprotocols and extensions', rows: handshake.subprotocols },
];

export const doors: readonly Subject[] = [
  { title: 'Early bytes', rows: door.earlyBytes },
  { title: 'Silence and resets', rows: door.silence },
  { title: 'Crowds', rows: door.crowds },
  { title: 'Bursts and half-open connections', rows: door.bursts },
];

export const webSocketFrames: readonly Subject[] = [
  { title: 'The form of frames', rows: frames.format },
  { title: 'Letters', rows: frames.letters },
  { title: 'Closing', rows: frames.closing },
  { title: 'Sizes and pieces', rows: frames.sizes },
  { title: 'Bytes, where a server has documents', rows: frames.bytes },
  { title: 'Pings and pongs', rows: frames.pings },
];

export const protocolMessages: readonly Subject[] = [
  { title: 'JSON', rows: messages.json },
  { title: 'Depth and number', rows: messages.bounds },
  { title: 'Frames that nobody knows', rows: messages.unknown },
  { title: 'Numbers of requests', rows: messages.numbers },
  { title: 'Fields', rows: messages.fields },
  { title: 'Payloads', rows: messages.payloads },
  { title: 'Views', rows: messages.views },
  { title: 'Presence and signals', rows: messages.members },
  { title: 'One bad frame after another', rows: messages.insistence },
];

export const namesOfChannels: readonly Subject[] = [
  { title: 'What is no channel name', rows: names.channelNames },
  { title: 'Companions', rows: names.companions },
  { title: 'What is one', rows: names.oddNames },
];

export const posts: readonly Subject[] = [
  { title: 'Paths and methods of posts', rows: byPost.paths },
  { title: 'Header fields of posts', rows: byPost.fields },
  { title: 'Bodies', rows: byPost.bodies },
];

export const links: readonly Subject[] = [
  { title: 'How a link over HTTP is opened', rows: byLink.openings },
  { title: 'Names of links', rows: byLink.linkNames },
  { title: 'Posts and polls of links', rows: byLink.linkRequests },
];

export const backends: readonly Subject[] = [
  { title: 'Operations', rows: api.apiPaths },
  { title: 'Queries', rows: api.queries },
  { title: 'Bodies of operations', rows: api.apiBodies },
  { title: 'Keys that make a repetition harmless', rows: api.idempotencyKeys },
];

export const byStreams: readonly Subject[] = [
  { title: 'Paths and methods of streams', rows: streams.streamPaths },
  { title: 'Offsets', rows: streams.offsets },
  { title: 'Header fields of streams', rows: streams.streamFields },
  { title: 'Bodies of appends', rows: streams.streamBodies },
  { title: 'Waits and events', rows: streams.liveReads },
];
