// `npm run cluster`: sees to it that there is a Redis, then runs the example.
import { missing, obtain, redis } from './programs.ts';

if (!process.env['REDIS_URL']) {
  const path = obtain(redis);
  if (!path) {
    console.error(`syncline: ${missing(redis, 'The cluster needs')}, or REDIS_URL to a Redis of yours.`);
    process.exit(1);
  }
  process.env[redis.variable] = path;
}
await import('../examples/cluster/run.ts');
