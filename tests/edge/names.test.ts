/**
 * Channel names, odd and bad, over every way in that takes them. The rows say what is sent and what is answered; the harness holds each to the rules.
 */
import { declare } from './declare.ts';
import { namesOfChannels } from './rows.ts';

declare(namesOfChannels);
