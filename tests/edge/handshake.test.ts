/**
 * Bad handshakes over every way in. The rows say what is sent and what is answered; the harness holds each to the rules.
 */
import { declare } from './declare.ts';
import { handshakes } from './rows.ts';

declare(handshakes);
