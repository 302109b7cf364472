/**
 * A place for a session that comes by plain HTTP: whoever takes it is counted by address for as long as they have it. Routes that open
 * sessions call it; it knows no request and nothing of what is done with the session.
 */
import type { Credentials, Identity } from '../../access.ts';
import type { Place } from '../../session/sessions.ts';

export interface PlaceSettings {
  /** Takes a place for a session; throws when there is no room for one. */
  readonly admit: (identity: Identity, credentials: Credentials) => Place;
  /** Counts somebody who is in, by address; throws when there are too many. */
  readonly enter: (address: string) => () => void;
}

/** Takes a place, and counts whose it is; both are given back together. @throws SyncError `too_many`, or why the identity is good no longer */
export function placeOf({ admit, enter }: PlaceSettings, identity: Identity, given: Credentials): Place {
  const leave = enter(given.remoteAddress);
  try {
    const place = admit(identity, given);
    const gone = (): void => {
      leave();
      place.gone();
    };
    return { open: (port) => place.open(port), gone };
  } catch (thrown) {
    leave();
    throw thrown;
  }
}
