/**
 * Whether a Redis can be worked with: its version, its role and what its user may do. Each new connection is looked at; what can't
 * be mended by waiting stops a node that starts, with a sentence that says how to mend it. It must not know what is stored.
 */
import type { Connection } from './connection.ts';
import { nameOf } from './connection.ts';
import { Refused, Unfit } from './faults.ts';
import { scriptOf } from './scripts.ts';

const versionMin = 7;

/** How messages are sent and heard. */
const messages = {
  standalone: ['PUBLISH KEY x', 'SUBSCRIBE KEY'],
  cluster: ['SPUBLISH KEY x', 'SSUBSCRIBE KEY', 'CLUSTER SLOTS'],
} as const;

/** What scripts and the link run besides, with arguments as they could be; fit.test.ts holds it to the scripts. `KEY` is one of ours. */
export const commands: readonly string[] = [
  'TIME',
  'EVALSHA x 0',
  'TYPE KEY',
  'EXISTS KEY',
  'DEL KEY',
  'UNLINK KEY',
  'RENAME KEY KEY',
  'PERSIST KEY',
  'PEXPIRE KEY 1',
  'PTTL KEY',
  'GET KEY',
  'SET KEY x',
  'HGET KEY x',
  'HGETALL KEY',
  'HMGET KEY x',
  'HSET KEY x x',
  'HDEL KEY x',
  'HLEN KEY',
  'ZADD KEY 1 x',
  'ZINCRBY KEY 1 x',
  'ZREM KEY x',
  'ZCARD KEY',
  'ZCOUNT KEY 0 1',
  'ZSCORE KEY x',
  'ZRANGE KEY 0 1',
  'ZRANGEBYSCORE KEY 0 1',
  'ZREMRANGEBYSCORE KEY 0 1',
  'XADD KEY * x x',
  'XLEN KEY',
  'XRANGE KEY - +',
  'XREVRANGE KEY + -',
  'XTRIM KEY MAXLEN 1',
];

/** Names what its user may not do, of the commands given one by one. */
const mayNot = scriptOf(
  'mayNot',
  `local missing = {}
for _, line in ipairs(ARGV) do
  local words = {}
  for word in string.gmatch(line, '%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then missing[#missing + 1] = words[1] end
end
return missing`,
);

export interface Needs {
  readonly mode: 'standalone' | 'cluster';
  readonly prefix: string;
  /** Whether writes will wait for replicas. */
  readonly replicated: boolean;
  readonly ms: number;
}

/** Looks at the Redis that a new connection leads to. @throws Unfit, Refused, Unanswered */
export async function checkFit(connection: Connection, needs: Needs): Promise<void> {
  const { mode, ms } = needs;
  const at = nameOf(connection.address);
  const hello = factsOf(await connection.send(['HELLO'], ms));
  const version = hello.get('version') ?? '';
  if (Number.parseInt(version, 10) < versionMin)
    throw new Unfit(
      `The Redis at ${at} has version ${version}, and 7.0 is the oldest that will do: upgrade it.`,
    );
  const is = hello.get('mode');
  if (is === 'sentinel')
    throw new Unfit(
      `${at} is a Sentinel, which stores nothing: name it in \`sentinel: { name, nodes }\` instead.`,
    );
  if (is === 'cluster' && mode !== 'cluster')
    throw new Unfit(
      `The Redis at ${at} belongs to a Cluster: name some of its nodes in \`cluster\` instead.`,
    );
  if (is !== 'cluster' && mode === 'cluster')
    throw new Unfit(`The Redis at ${at} belongs to no Cluster: give its address as \`url\` instead.`);
  if (hello.get('role') !== 'master')
    throw new Refused(
      `READONLY The Redis at ${at} is a replica: give the address of its master, or name the Sentinels that know it.`,
    );
  await checkRights(connection, at, needs);
}

async function checkRights(connection: Connection, at: string, needs: Needs): Promise<void> {
  const { mode, prefix, replicated, ms } = needs;
  const key = `${prefix}:{x}`;
  const waits = replicated ? ['WAIT 1 1'] : [];
  const lines = [...messages[mode], ...commands, ...waits].map((line) => line.replaceAll('KEY', key));
  let missing: unknown;
  try {
    missing = await connection.send(['EVAL', mayNot.text, '0', ...lines], ms);
  } catch (thrown) {
    if (!(thrown instanceof Refused && thrown.word === 'NOPERM')) throw thrown;
    missing = ['EVAL'];
  }
  const names = Array.isArray(missing) ? [...new Set(missing.map(String))] : [];
  if (names.length === 0) return;
  throw new Unfit(
    `The user of the Redis at ${at} may not do ${names.join(', ')} on what begins with "${prefix}:". ` +
      `Allow it: ACL SETUSER <user> +@all -@admin -@dangerous ~${prefix}:* &${prefix}:*`,
  );
}

/** What HELLO says, a map or a list of names and values. */
function factsOf(reply: unknown): ReadonlyMap<string, string> {
  const facts = new Map<string, string>();
  if (Array.isArray(reply)) {
    for (let i = 0; i + 1 < reply.length; i += 2) facts.set(String(reply[i]), String(reply[i + 1]));
  } else if (reply instanceof Map) {
    for (const [name, value] of reply) facts.set(String(name), String(value));
  } else if (typeof reply === 'object' && reply !== null) {
    for (const [name, value] of Object.entries(reply)) facts.set(name, String(value));
  }
  return facts;
}
