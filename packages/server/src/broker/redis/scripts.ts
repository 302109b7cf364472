/**
 * A script that runs inside Redis: its text and its digest. Whoever has something to do there loads one; the link sends its digest,
 * and the text where Redis doesn't know it. It knows nothing of what scripts do.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** `text` is Lua; `sha` is what Redis knows it by. */
export interface Script {
  readonly name: string;
  readonly text: string;
  readonly sha: string;
}

/** A script of this text. @example const hello = scriptOf('hello', "return 'hello'") */
export function scriptOf(name: string, text: string): Script {
  return { name, text, sha: createHash('sha1').update(text).digest('hex') };
}

/** The script of the file `<name>.lua` in this folder, after the texts of other such files that it builds upon. */
export function loadScript(name: string, ...heads: readonly string[]): Script {
  const texts = [...heads, name].map((part) => readFileSync(new URL(`${part}.lua`, import.meta.url), 'utf8'));
  return scriptOf(name, texts.join('\n'));
}
