/**
 * A module as people hand it to `syncline serve --channels`: it exports a contract. The command's tests load it by its path.
 */
import { defineChannels, stream } from '@syncline/protocol';

export const channels = defineChannels({ 'chat/:room': stream() });
