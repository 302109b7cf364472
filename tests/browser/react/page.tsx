/**
 * What a browser runs of app.tsx: under StrictMode, into an empty page, or over what a server rendered. What the page begins with
 * stands in its address.
 */
/** @jsxImportSource react */
import { createClient } from '@syncline/client/doc';
import { StrictMode } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { App, channels, SynclineProvider, type Wish } from './app.tsx';

const first: Wish = JSON.parse(decodeURIComponent(location.search.slice(1)) || '{}');
const client = createClient({ channels });
const root = document.getElementById('root');
const tree = (
  <StrictMode>
    <SynclineProvider client={client}>
      <App first={first} />
    </SynclineProvider>
  </StrictMode>
);

async function start(): Promise<void> {
  if (!root?.firstChild) return createRoot(root ?? document.body).render(tree);
  // The client has more to show than the server had, before React takes the page over.
  const timeline = client.stream('chat/lobby').timeline();
  await new Promise<void>((resolve) => {
    timeline.subscribe(() => timeline.get().items.length > 0 && resolve());
  });
  hydrateRoot(root, tree, { onRecoverableError: (error) => console.error('recovered', error) });
}

void start();
