/**
 * Requests of streams that are not as they should be. The rows say what is sent and what is answered; the harness holds each to the rules.
 */
import { declare } from './declare.ts';
import { byStreams } from './rows.ts';

declare(byStreams);
