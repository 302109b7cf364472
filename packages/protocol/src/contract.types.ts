/**
 * Types that follow from a contract: which names a pattern allows, and what a channel carries. Client and server type
 * their functions with these, so that a wrong name, kind or payload doesn't compile. There is nothing here at run time.
 */
import type { Contract, Definition, DocDefinition, StateDefinition, StreamDefinition } from './contract.ts';
import type { Schema } from './schema.ts';

/** Whether the name `N` is an instance of the pattern `P` (rule C2). Parts known only as `string` may be any one segment. */
type Fits<N extends string, P extends string> = N extends `${infer NHead}/${infer NTail}`
  ? P extends `${infer PHead}/${infer PTail}`
    ? FitsSegment<NHead, PHead> extends true
      ? Fits<NTail, PTail>
      : false
    : false
  : P extends `${string}/${string}`
    ? false
    : FitsSegment<N, P>;
type FitsSegment<N extends string, P extends string> = N extends ''
  ? false
  : P extends `:${string}`
    ? true
    : N extends P
      ? true
      : false;

/** Whether pattern `P` goes before `Q`, of as many segments: it has the earlier literal segment (rule C2). */
type Precedes<P extends string, Q extends string> = P extends `${infer PHead}/${infer PTail}`
  ? Q extends `${infer QHead}/${infer QTail}`
    ? IsParameter<PHead> extends IsParameter<QHead>
      ? Precedes<PTail, QTail>
      : IsParameter<QHead>
    : false
  : IsParameter<P> extends IsParameter<Q>
    ? false
    : IsParameter<Q>;
type IsParameter<S extends string> = S extends `:${string}` ? true : false;

/** The patterns that `N` is an instance of, whichever wins. */
type Fitting<C extends Contract, N extends string> = {
  [P in keyof C & string]: Fits<N, P> extends true ? P : never;
}[keyof C & string];

/** The one of `All` that no other goes before. */
type First<All extends string> = {
  [P in All]: true extends { [Q in All]: Precedes<Q, P> }[All] ? never : P;
}[All];

/** The pattern of contract `C` that stands for the name `N`, if it is of the kind `D`; never when there is none. */
export type PatternOf<C extends Contract, N extends string, D extends Definition = Definition> =
  First<Fitting<C, N>> extends infer P extends keyof C & string ? (C[P] extends D ? P : never) : never;

/**
 * `N` itself when it names a channel of that kind, or when there is no contract to tell; otherwise a sentence, which no
 * name is assignable to.
 */
export type NameOf<C extends Contract, N extends string, D extends Definition> = string extends keyof C
  ? N
  : [PatternOf<C, N, D>] extends [never]
    ? 'The contract has no channel of this kind with this name'
    : N;

/** What a message of the stream, or a value of the state channel, called `N` is; unknown without a contract. */
export type CarriedBy<C extends Contract, N extends string> = string extends keyof C
  ? unknown
  : Carried<C[PatternOf<C, N>]>;
type Carried<D> =
  D extends StreamDefinition<infer M>
    ? M
    : D extends StateDefinition<infer V>
      ? V
      : D extends DocDefinition
        ? Uint8Array
        : never;

/** What members of the channel called `N` say of themselves; unknown without a contract. */
export type PresenceOf<C extends Contract, N extends string> = string extends keyof C
  ? unknown
  : Said<C[PatternOf<C, N>]>;
type Said<D> = D extends { readonly presence: StateDefinition<infer P> | null } ? P : never;

/** What is signalled on the channel called `N`; unknown without a contract. */
export type SignalOf<C extends Contract, N extends string> = string extends keyof C
  ? unknown
  : Told<C[PatternOf<C, N>]>;
type Told<D> = D extends { readonly signal: Schema<infer S> | undefined } ? S : never;
