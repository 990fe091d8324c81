// CNI spec versions: order, and the ones this core speaks.
// Source: CNI spec 1.1.0, section 1 "Version considerations".
import { Char, isDigit } from "../text/char";
import { Span } from "../text/span";

/** What an absent version means (CNI spec 0.1.0 had none). */
const RANK_NONE = 1000; // 0.1.0
export const RANK_INTERFACES = 3000; // 0.3.0: results have interfaces
export const RANK_CHECK = 4000; // 0.4.0: CHECK, and prevResult at DEL
export const RANK_IPS = 1000000; // 1.0.0: ips have no version
export const RANK_STATUS = 1001000; // 1.1.0: STATUS and GC

/** A number that orders versions: 1.2.3 is 1002003. Empty is 0.1.0; -1 is no version at all. */
export function rank(version: Span): i32 {
  if (version.len === 0) return RANK_NONE;
  const parts = version.split(Char.Dot);
  if (parts.length !== 3) return -1;
  let value = 0;
  for (let i = 0; i < 3; i++) {
    const part = parts[i];
    if (part.len === 0 || part.len > 3) return -1;
    let number = 0;
    for (let j = 0; j < part.len; j++) {
      const c = part.at(j);
      if (!isDigit(c)) return -1;
      number = number * 10 + (c - Char._0);
    }
    value = value * 1000 + number;
  }
  return value;
}

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

export const SUPPORTED = "0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0";
