/**
 * What is told of an error, whoever asked: with a session and without one it is counted, logged and masked alike. Both ways that
 * errors take to clients are tried over real connections elsewhere.
 */
import { errors, SyncError } from '@syncline/protocol';
import { describe, expect, it } from 'vitest';
import { newMetrics } from '../observe.ts';
import { told } from './told.ts';

describe.each([['a session', 'abc'] as const, ['nobody', undefined] as const])(
  'asked by %s',
  (_, session) => {
    const ask = (thrown: unknown) => {
      const said: unknown[] = [];
      const metrics = newMetrics();
      const error = told({ metrics, logger: { error: (facts) => said.push(facts) } }, thrown, session);
      return { error, said, refused: metrics.framesRefused };
    };

    it.each(['storage', 'corrupt', 'internal'] as const)('%s keeps its reason for the log', (code) => {
      const { error, said, refused } = ask(new SyncError(code, 'The file /srv/log is broken.'));
      expect(error).toMatchObject({ code, message: errors[code].message });
      expect(said).toEqual([{ session: session ?? null, code, reason: 'The file /srv/log is broken.' }]);
      expect(refused).toBe(1);
    });

    it('anything else thrown is internal', () => {
      expect(ask('secret').error).toMatchObject({ code: 'internal', message: errors.internal.message });
    });

    it('what the one who asked can mend is told as it is, less what JSON cannot say, and not logged', () => {
      const detail = { retryMs: 5, odd: { a: 1 } } as unknown as { retryMs: number };
      const { error, said, refused } = ask(new SyncError('too_many', 'Slower.', detail));
      expect(error).toMatchObject({ code: 'too_many', message: 'Slower.' });
      expect([error.detail, said, refused]).toEqual([{ retryMs: 5 }, [], 1]);
      expect(ask(new SyncError('forbidden', 'No.')).error.detail).toBeUndefined();
    });
  },
);
