/**
 * Bytes sent early, silence, resets, crowds and bursts over every way in that takes them. The rows say what is sent and what is answered; the harness holds each to the rules.
 */
import { declare } from './declare.ts';
import { doors } from './rows.ts';

declare(doors);
