/**
 * Requests of backends that are not as they should be. The rows say what is sent and what is answered; the harness holds each to the rules.
 */
import { declare } from './declare.ts';
import { backends } from './rows.ts';

declare(backends);
