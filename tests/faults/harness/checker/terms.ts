/**
 * What the checker judges by: the invariants, what a scenario allows and asks for, and what a broken promise looks like. Its
 * rooms share it, and the table of scenarios is written in it.
 */
import type { GapReason } from '@syncline/protocol';
import type { Line } from '../history.ts';

/** The invariants, a sentence each, by their numbers in the catalogue of faults. */
export const invariants = {
  I1: 'What was acknowledged is delivered, once, to everyone whose subscription went on.',
  I2: 'What is delivered was published.',
  I3: 'Nothing is delivered or stored twice.',
  I4: 'Offsets rise by one, unless a gap was told.',
  I5: 'All clients, all nodes and the history have the same entry in the same place.',
  I6: 'What was refused for certain is nowhere; what is unknown is there once or not at all.',
  I7: 'However often it is repeated, a publish has one place.',
  I8: 'Who is told that nothing was lost got everything; who is told of a gap had one.',
  I9: 'After the last fault everyone is up to date again, and nothing waits.',
  I10: 'A loss inside the backplane is found and repaired within its bound.',
  I11: 'After it is quiet, everyone is shown as there who is, and nobody else.',
  I12: 'Who may not read a channel gets nothing of it, and nothing comes after rights were withdrawn.',
  I13: 'Nodes hold nothing of clients that are gone, and stay within their memory.',
  I14: 'Whoever has no fault of their own notices nothing.',
  I15: 'Event loops of nodes are late by less than 200 ms in 99.9 % of all cases, and by less than a second ever.',
  I16: 'No process ends, and none complains of what nobody caught.',
  I17: 'A bad input gets the answer that is documented, within a second.',
  I18: 'What nodes count as open is what is open, and nothing once everyone has left.',
  I19: 'All copies of a document are the same in the end, as is what is stored, and all that was saved is in them.',
  I20: 'No token, key, password or payload is written to a log, a metric, an error or a reason.',
  I21: 'On a connection that lives the node says something at least every second heartbeat.',
  I22: 'Attempts to connect are spread, and never many at once.',
  I23: 'A clock that is put forward or back changes nothing.',
  I24: 'The run tested something.',
} as const;

export type Invariant = keyof typeof invariants;

/** Whether a run asks for an invariant; those that are left out each run asks for. */
export const asked: Readonly<Partial<Record<Invariant, (terms: Terms) => boolean>>> = {
  I10: ({ visibleMs }) => visibleMs !== null,
  I12: ({ standing }) => standing,
  I14: ({ control }) => control !== null,
  I15: ({ stalls }) => !stalls,
  I17: ({ standing }) => standing,
  I18: ({ standing }) => standing,
  I19: ({ standing }) => standing,
  I21: ({ standing, stalls }) => standing && !stalls,
  I23: ({ unnoticed }) => unnoticed,
};

/** A promise that was broken. `lines` count from 1. */
export interface Violation {
  readonly invariant: Invariant;
  readonly says: string;
  readonly lines: readonly number[];
}

/** What a scenario allows, and asks for. */
export interface Terms {
  /** Reasons for which a gap may be told. */
  readonly gaps: readonly GapReason[];
  /** Whether what was acknowledged may be lost with its log; whoever had it must then be told. */
  readonly loses: boolean;
  /** Within so many ms after the last fault all must have come right. */
  readonly healMs: number;
  /** Within so many ms after its acknowledgement an entry is with everyone; null: not asked. */
  readonly visibleMs: number | null;
  /** Whether clients by hand are there: with few rights, with bad input, listening, and some who edit a document. */
  readonly standing: boolean;
  /** Whether nodes’ processes are stopped or kept busy from outside: how punctual they are isn’t asked then. */
  readonly stalls: boolean;
  /** Within so many ms after rights were withdrawn nothing more comes, on any node. */
  readonly revokedMs: number;
  /** Whether a withdrawal needs a way between nodes, or to what stores it, that is there after the faults only. */
  readonly revokedLate: boolean;
  /** Whether nobody may notice anything of what is done. */
  readonly unnoticed: boolean;
  /** A client that no fault is meant for. */
  readonly control: string | null;
  /** A node's memory, at most. */
  readonly rssBytesMax: number;
  /** What the run must have contained. */
  readonly floor: Floor;
}

export interface Floor {
  readonly acknowledged: number;
  readonly reconnects: number;
  readonly faults: number;
}

/** A line with its number. */
export type Numbered = Line & { readonly n: number };
