// CNI spec versions: their order, those the core supports, and what came with which.
// Source: CNI spec 1.1.0, section 1 "Version considerations".
import { Code } from "../fault";
import { failOn } from "../json/place";
import { Value } from "../json/value";
import { Char, isDigit } from "../text/char";
import { Span } from "../text/span";
import { about } from "../text/writer";

/** The version that a part of the protocol came with, as a rank. */
export const enum Since {
  Interfaces = 3000, // 0.3.0: results have `interfaces`
  Check = 4000, // 0.4.0: CHECK, and `prevResult` at DEL
  PlainIps = 1000000, // 1.0.0: `ips` of results have no `version`
  Status = 1001000, // 1.1.0: STATUS and GC; interfaces of results have `mtu`, `socketPath` and `pciID`
}

/** Tells whether `version` is the one that `since` stands for, or newer. An empty version is 0.1.0. */
export function atLeast(version: Span, since: Since): bool {
  return rank(version) >= since;
}

/** Tells whether `version` has `verb`: ADD and DEL always, CHECK since 0.4.0, GC and STATUS since 1.1.0. */
export function hasVerb(version: Span, verb: Span): bool {
  if (verb.is("ADD") || verb.is("DEL")) return true;
  return atLeast(version, verb.is("CHECK") ? Since.Check : Since.Status);
}

/** Returns a negative number if `a` is older than `b`, 0 if they are the same, a positive one otherwise. */
export function compareVersions(a: Span, b: Span): i32 {
  return rank(a) - rank(b);
}

/** Tells whether the core speaks `version`. A newer one than 1.1.0 may have rules that the core does not know. */
export function isSupported(version: Span): bool {
  switch (rank(version)) {
    case 1000:
    case 2000:
    case 3000:
    case 3001:
    case 4000:
    case 1000000:
    case 1001000:
      return true;
    default:
      return false;
  }
}

/**
 * Returns true, or false with fault 1 if `version` is not supported.
 *
 * @param what names its document in the message
 * @param value where it is written
 */
export function requireSupported(version: Span, what: Span, value: Value | null = null): bool {
  if (isSupported(version)) return true;
  failOn<Span>(
    Code.IncompatibleVersion,
    about(what)
      .text("`cniVersion` ")
      .quote(version)
      .text(" is not supported; use one of 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0"),
    value,
  );
  return false;
}

/** Returns a number that orders versions: 1.2.3 is 1002003. Empty is 0.1.0; -1 is not a version, nor is 01.2.3. */
function rank(version: Span): i32 {
  if (version.len === 0) return 1000; // CNI spec 0.1.0 had no `cniVersion`
  let parts = 1;
  let digits = 0;
  let number = 0;
  let value = 0;
  for (let i = 0; i < version.len; i++) {
    const c = version.at(i);
    if (c === Char.Dot && digits > 0 && parts < 3) {
      value = (value + number) * 1000;
      number = 0;
      digits = 0;
      parts++;
    } else if (isDigit(c) && digits < 3 && !(digits === 1 && number === 0)) {
      number = number * 10 + (c - Char._0);
      digits++;
    } else {
      return -1;
    }
  }
  return parts === 3 && digits > 0 ? value + number : -1;
}
