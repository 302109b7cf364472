/**
 * Bad WebSocket frames over every way in that is a WebSocket. The rows say what is sent and what is answered; the harness
 * holds each to the rules.
 */
import { declare } from './declare.ts';
import { webSocketFrames } from './rows.ts';

declare(webSocketFrames);
