// The contract of an application that has the packages installed. Its files are copied into a folder outside the project, compiled
// there as strictly as it goes, and run; they import nothing but what `npm install` put there, and each other.
import { defineChannels, doc, state, stream } from '@syncline/protocol';

export interface Spot {
  lat: number;
  lng: number;
  label?: string;
}

export const channels = defineChannels({
  'chat/:room': stream<{ text: string; by?: string }>({ keep: { entries: 100 }, stamp: true }),
  'fleet/:city': state<Spot>(),
  'board/:id': doc(),
});
