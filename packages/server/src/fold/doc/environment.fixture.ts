/**
 * In the place of the process that folds documents: whatever it is asked, it answers with the names in its environment. It speaks as
 * child.ts does.
 */
import type { Answer } from './child.ts';

const answer = (message: Answer) => process.send?.(message);
process.on('message', () => answer({ type: 'done', value: { names: Object.keys(process.env) } }));
answer({ type: 'ready' });
