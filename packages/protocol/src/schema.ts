/**
 * The part of Standard Schema (version 1, standardschema.dev) that Syncline reads, so that any library that follows it
 * can describe payloads. Server and client validate with it at their edges; nothing else looks at a payload.
 */
import { SyncError } from './codes.ts';

/** What valibot, zod, arktype and others give you for a type. */
export interface Schema<Output> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/**
 * The value as the schema gives it back. Without a promise where the schema validates at once, which most do.
 *
 * @throws SyncError `bad_payload` with the first thing that is wrong and where it stands.
 */
export function validate<T>(schema: Schema<T>, value: unknown): T | Promise<T> {
  const result = schema['~standard'].validate(value);
  return 'then' in result ? Promise.resolve(result).then(accept) : accept(result);
}

function accept<T>(result: SchemaResult<T>): T {
  if (!result.issues) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? [])
    .map((step) => String(typeof step === 'object' ? step.key : step))
    .join('.');
  throw new SyncError(
    'bad_payload',
    `The payload does not fit the channel's contract${path && ` at "${path}"`}: ${issue?.message ?? 'no reason given'}.`,
  );
}
