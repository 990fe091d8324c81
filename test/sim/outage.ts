// How requests to the API server fail.

/**
 * It is down; it answers too late, or never; the connection breaks after it has carried the request out; it answers with a
 * status, or with what is no answer.
 */
export const OUTAGES = [
  "down",
  "slow",
  "silent",
  "broken off",
  "not JSON",
  "401",
  "403",
  "404",
  "409",
  "410",
  "429",
  "500",
  "502",
  "503",
] as const;
export type Outage = (typeof OUTAGES)[number];
