// Whether a request gets another try, and after which wait: one table, with neither clock nor network.
//
// The outcome of a try is of one kind. The first of RULES for that kind, whose `only` holds, says what is next. Waits
// double from try to try and are scattered by chance, so that the nodes of a cluster do not all come back at the same
// moment; Retry-After of the server is their lower limit. A wait that would not end in time is not begun: the outcome is
// what the request has.
import type { FailureKind } from "./failure.ts";
import type { ApiAnswer, ApiRequest, Outcome } from "./http.ts";

/** Enough on a node with 60 ADDs on 2 cores; and leaves time for the next server behind a balancer. */
const LONGEST_TRY_MS = 10_000;
const SHORTEST_TRY_MS = 100;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** What has happened when a try has ended. */
export interface Attempt {
  method: ApiRequest["method"];
  outcome: Outcome;
  /** Tries so far, this one included: 1 after the first. */
  tries: number;
  /** Until the request's time limit. */
  leftMs: number;
  /** By chance, 0 to 1. */
  random: number;
  /** Were the credentials and certificates read before this request? They may be others by now. */
  areKept: boolean;
}

/**
 * - `take`: the outcome counts.
 * - `give up`: another try could help, but there is no time for it.
 * - `renew`: read credentials and certificates anew, then try again at once.
 */
export type Decision =
  | { next: "take" | "give up" | "renew"; reason: string }
  | { next: "wait"; waitMs: number; reason: string };

/**
 * - `refused`: the credentials, or a certificate, that were kept do not count, or no longer.
 * - `overloaded`, `unavailable`: the server may answer later.
 * - `unready`: what a server answers that knows neither the rights of users nor the kinds that CRDs define.
 * - `answer`: any other answer.
 */
type Kind = FailureKind | "refused" | "overloaded" | "unavailable" | "unready" | "answer";

interface Rule {
  kind: Kind;
  only?: "POST" | "later tries";
  next: "take" | "renew" | "again at once" | "again later";
  reason: string;
}

const RULES: readonly Rule[] = [
  { kind: "permanent", next: "take", reason: "another try would fail too" },
  { kind: "untrusted", next: "take", reason: "another try would fail too" },
  { kind: "refused", next: "renew", reason: "something may have renewed them since they were read" },
  { kind: "unsent", next: "again later", reason: "the server has not seen the request" },
  { kind: "unknown", only: "POST", next: "take", reason: "a POST carried out twice makes two objects" },
  { kind: "unknown", next: "again later", reason: "all but a POST may be carried out twice" },
  { kind: "stale", only: "POST", next: "take", reason: "a POST carried out twice makes two objects" },
  { kind: "stale", next: "again at once", reason: "a closed connection says nothing about the server" },
  { kind: "overloaded", next: "again later", reason: "the server has refused the request unread" },
  { kind: "unavailable", only: "POST", next: "take", reason: "the server may have carried the POST out" },
  { kind: "unavailable", next: "again later", reason: "the server, or what it needs, starts or restarts" },
  { kind: "unready", only: "later tries", next: "again later", reason: "the server has only just come back" },
  { kind: "unready", next: "take", reason: "a server that was not away knows its users and kinds" },
  { kind: "answer", next: "take", reason: "the server has decided" },
];

/** Decides what follows on a try. Pure. */
export function decide({ method, outcome, tries, leftMs, random, areKept }: Attempt): Decision {
  const kind = areKept && isRefused(outcome) ? "refused" : kindOf(outcome);
  const rule = RULES.find(
    ({ kind: of, only }) =>
      of === kind && (only === undefined || (only === "POST" ? method === "POST" : tries > 1)),
  );
  if (rule === undefined) throw new Error(`there is no rule for ${kind}`);
  const { next, reason } = rule;
  if (next === "take" || next === "renew") return { next, reason };
  const waitMs = next === "again at once" ? 0 : waitFor(outcome, tries, random);
  return waitMs < leftMs ? { next: "wait", waitMs, reason } : { next: "give up", reason };
}

/** Says whether the server does not take who we are, or we do not take who it is. */
export function isRefused(outcome: Outcome): boolean {
  return "fault" in outcome ? outcome.kind === "untrusted" : outcome.status === 401;
}

/** Returns how long a try may take: the time that is left, but long enough for an answer. */
export function tryLimitMs(leftMs: number): number {
  return Math.min(Math.max(leftMs, SHORTEST_TRY_MS), LONGEST_TRY_MS);
}

/** Scatters a wait: half of it to all of it. */
export function scattered(waitMs: number, random: number): number {
  return waitMs * (0.5 + random / 2);
}

function waitFor(outcome: Outcome, tries: number, random: number): number {
  const waitMs = scattered(Math.min(FIRST_WAIT_MS * 2 ** (tries - 1), LONGEST_WAIT_MS), random);
  return "fault" in outcome ? waitMs : Math.max(waitMs, outcome.retryAfterMs);
}

function kindOf(outcome: Outcome): Kind {
  if ("fault" in outcome) return outcome.kind;
  const { status } = outcome;
  if (status === 429) return "overloaded";
  if ([500, 502, 503, 504].includes(status)) return "unavailable";
  return isUnready(outcome) ? "unready" : "answer";
}

/** For some 100 ms, a server that has just started refuses its users, and has no JSON for the kinds of CRDs. */
function isUnready({ status, contentType }: ApiAnswer): boolean {
  return status === 401 || status === 403 || (status === 404 && !contentType.includes("json"));
}
