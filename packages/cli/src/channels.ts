/**
 * The module that says which channels there are, as `serve` and `dev` take it: found, loaded, and what is wrong with it told by its
 * name. It knows nothing of who serves them.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ServerOptions } from '@syncline/server';

export type Channels = ServerOptions<Record<string, never>>['channels'];

/** The contract that a module exports. @throws an Error that names the module, and says what to write */
export async function loadChannels(module: string): Promise<Channels> {
  const path = resolve(module);
  if (!existsSync(path))
    throw new Error(
      `--channels ${module}: there is no such file. It exports \`channels\`, made by defineChannels().`,
    );
  const loaded: unknown = await import(pathToFileURL(path).href).catch((thrown: unknown) => {
    throw new Error(
      `--channels ${module} can't be loaded: ${thrown instanceof Error ? thrown.message : thrown}`,
    );
  });
  const channels = typeof loaded === 'object' && loaded !== null && 'channels' in loaded && loaded.channels;
  if (typeof channels === 'object' && channels !== null) return channels as Channels;
  throw new Error(
    `--channels ${module} exports no \`channels\`. Write: export const channels = defineChannels({ … })`,
  );
}
