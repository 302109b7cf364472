/**
 * Types that follow from a contract: which names a pattern allows, and what a channel carries. Client and server type
 * their functions with these, so that a wrong name, kind or payload doesn't compile. There is nothing here at run time.
 */
import type { Contract, Definition, DocDefinition, StateDefinition, StreamDefinition } from './contract.ts';

/** The names that a pattern matches, as a template: `chat/:room` gives `chat/${string}`. */
type Template<P extends string> = P extends `${infer Head}/${infer Tail}`
  ? `${Segment<Head>}/${Template<Tail>}`
  : Segment<P>;
type Segment<S extends string> = S extends `:${string}` ? string : S;

/** Whether a literal name has as many segments as the pattern; a name known only as `string` parts can't be counted. */
type SameLength<N extends string, P extends string> = N extends `${string}/${infer NTail}`
  ? P extends `${string}/${infer PTail}`
    ? SameLength<NTail, PTail>
    : false
  : P extends `${string}/${string}`
    ? false
    : true;

/** The pattern of contract `C`, among those of a kind, that the name `N` is an instance of; never when there is none. */
export type PatternOf<C extends Contract, N extends string, D extends Definition = Definition> = {
  [P in keyof C & string]: C[P] extends D
    ? N extends Template<P>
      ? SameLength<N, P> extends true
        ? P
        : never
      : never
    : never;
}[keyof C & string];

/** `N` itself when it names a channel of that kind; otherwise a sentence, which no name is assignable to. */
export type NameOf<C extends Contract, N extends string, D extends Definition> = [
  PatternOf<C, N, D>,
] extends [never]
  ? 'The contract has no channel of this kind with this name'
  : N;

/** What a message of the stream, or a value of the state channel, called `N` is. */
export type CarriedBy<C extends Contract, N extends string> =
  C[PatternOf<C, N>] extends StreamDefinition<infer M>
    ? M
    : C[PatternOf<C, N>] extends StateDefinition<infer V>
      ? V
      : C[PatternOf<C, N>] extends DocDefinition
        ? Uint8Array
        : never;
