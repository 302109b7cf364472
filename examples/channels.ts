/**
 * The contracts of all examples as the one that start.ts serves. A real application has one such file, too, and would have
 * written it in one piece; here each example keeps its own beside its page. It must not know what the channels carry.
 */
import { defineChannels } from '@syncline/protocol';
import { channels as chat } from './chat/channels.ts';
import { channels as cluster } from './cluster/channels.ts';
import { channels as fleet } from './fleet/channels.ts';
import { channels as whiteboard } from './whiteboard/channels.ts';

export const channels = defineChannels({ ...chat, ...cluster, ...fleet, ...whiteboard });
