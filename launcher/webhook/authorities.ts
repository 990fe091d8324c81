// Certificate authorities of our own, as the replicas share them: which of them signs, which of them count, when another one
// is made. Pure.
//
// A new authority counts from the moment that it is made, and signs when all have had the time to learn of it. The one before
// signs until then, and counts until it ends. So at no moment does a server have a certificate that its clients cannot verify.
import type { Pair, Validity } from "./x509.lazy.ts";

export type Authority = Pair & Validity;

/** How long all of it lasts, in ms, by how long an authority does. */
export interface Times {
  authority: number;
  /** A server's certificate. */
  server: number;
  /** Certificates count from so long before they are made: clocks differ. */
  early: number;
  /** How often it is looked whether something is to be done. */
  look: number;
  /** After which a new authority is known to all. */
  settle: number;
}

/** More are not kept, whatever somebody has written there. */
const MOST = 4;

export function timesOf(authority: number): Times {
  const look = Math.min(Math.max(authority / 60, 250), 20_000);
  const early = Math.min(authority / 20, 300_000);
  return { authority, server: authority / 3, early, look, settle: 4 * look };
}

/** Returns those that count, the newest first. */
export function counting(all: readonly Authority[], now: number): Authority[] {
  return all
    .filter(({ to }) => to > now)
    .sort((one, other) => other.from - one.from)
    .slice(0, MOST);
}

/** Is there none that lasts for long enough? The last third of its life is for the next one. */
export function needsAnother([newest]: readonly Authority[], now: number): boolean {
  return newest === undefined || now > newest.from + ((newest.to - newest.from) * 2) / 3;
}

/** Returns the one that signs: the newest that all know. @param all the newest first */
export function signer(
  all: readonly Authority[],
  now: number,
  { early, settle }: Times,
): Authority | undefined {
  return all.find(({ from }) => from + early + settle <= now) ?? all.at(-1);
}

/** Does a server need another certificate? */
export function needsRenewal(of: Validity, now: number): boolean {
  return now > of.from + ((of.to - of.from) * 2) / 3;
}
