/**
 * Many readers of one feed in one process, all by the same way. run.ts starts it with a way, a port and their number, and asks it to
 * begin and to say what they cost and got.
 */
import { obey } from '../servers/control.ts';
import { type Way, ways } from './plan.ts';
import { readerOf } from './readers.ts';
import { Traffic } from './traffic.ts';

const [wanted, port, count] = process.argv.slice(2);
const way: Way | undefined = ways.find((name) => name === wanted);
if (!way) throw new Error(`There is no way called "${wanted}".`);

/** So many dial at a time: the server's door has its bounds. */
const atATime = 50;

const traffic = new Traffic();
const readers = Array.from({ length: Number(count) }, () => readerOf(way, Number(port), traffic));
for (let i = 0; i < readers.length; i += atATime)
  await Promise.all(readers.slice(i, i + atATime).map((reader) => reader.start()));

obey(
  { readers: readers.length },
  {
    begin: async () => ({ begun: traffic.begin() }),
    end: async () => {
      const figures = traffic.end();
      for (const reader of readers) reader.stop();
      return figures;
    },
  },
);
