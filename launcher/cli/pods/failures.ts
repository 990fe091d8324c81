// What has gone wrong with pods' networks, by the events that the kubelet and Plexus have told their users.
import type { JsonObject } from "../../cluster/json.ts";
import { hintFor } from "../explain/hints.ts";

export interface Failure {
  namespace: string;
  pod: string;
  uid: string;
  /** Of the last time. RFC 3339. */
  time: string;
  count: number;
  reason: string;
  message: string;
  /** What to do, where the message does not say it. */
  hint: string | undefined;
}

/** Reasons of events that are about networks, whoever tells them; those of a sandbox only with these words. */
const REASON = /Network|Interface|Capability|Unreadable|Refused|Plexus/i;
const MESSAGE = /\bcni\b|plexus|multus|network/i;
const TELLERS = ["plexus", "multus"];
const MOST_OF_A_POD = 4;
const LONGEST_MESSAGE = 2048;

/** The failures of some pods. One pod's events never push out another's. */
export class Failures {
  private readonly byPod = new Map<string, Failure[]>();
  private readonly has: (uid: string) => boolean;

  /** @param has says whether a pod is among those that are asked about */
  constructor(has: (uid: string) => boolean) {
    this.has = has;
  }

  /** @throws Fault if a member has the wrong type */
  take(event: JsonObject): void {
    const about = event.at("involvedObject");
    const [uid, reason, message] = [about.text("uid"), event.text("reason"), event.text("message")];
    const isPlexus = TELLERS.includes(event.at("source").text("component"));
    const isOurs = isPlexus || REASON.test(reason) || (/sandbox/i.test(reason) && MESSAGE.test(message));
    if (!isOurs || !this.has(uid)) return;
    const { count, series } = event.raw() as { count?: number; series?: { count?: number } };
    const failure = {
      namespace: about.text("namespace"),
      pod: about.text("name"),
      uid,
      time: timeOf(event),
      count: series?.count ?? count ?? 1,
      reason,
      message: message.slice(0, LONGEST_MESSAGE).toWellFormed(),
      hint: isPlexus ? undefined : hintFor(message),
    };
    const before = this.byPod.get(uid) ?? [];
    const same = before.find((one) => one.reason === reason && one.message === failure.message);
    const others = before.filter((one) => one !== same);
    const both = { ...failure, count: failure.count + (same?.count ?? 0) };
    const merged = same && same.time > failure.time ? { ...both, time: same.time } : both;
    this.byPod.set(uid, [...others, merged].sort(byTime).slice(-MOST_OF_A_POD));
  }

  /** Returns them, the oldest first. What Plexus says of a pod, the kubelet only repeats. */
  all(): Failure[] {
    const said = [...this.byPod.values()].flatMap((failures) => {
      const own = failures.filter(({ reason }) => !/sandbox/i.test(reason));
      return own.length > 0 ? own : failures;
    });
    return said.sort(byTime);
  }
}

function byTime(one: Failure, other: Failure): number {
  return one.time < other.time ? -1 : one.time > other.time ? 1 : 0;
}

function timeOf(event: JsonObject): string {
  const times = [
    event.at("series").text("lastObservedTime"),
    event.text("lastTimestamp"),
    event.text("eventTime"),
    event.text("firstTimestamp"),
    event.at("metadata").text("creationTimestamp"),
  ];
  return times.find((time) => time !== "") ?? "";
}
