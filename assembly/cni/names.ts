// The names that are allowed. Names come from tenants and end up in paths, so each is checked before use.
import { Char, isDigit } from "../text/char";
import { Span } from "../text/span";

const MAX_IDENTIFIER_BYTES = 200; // they become parts of file names, which end at 255 (NAME_MAX)
const MAX_INTERFACE_BYTES = 15; // IFNAMSIZ - 1, linux/if.h
const MAX_DEVICE_BYTES = 253;

/** What `isIdentifier` wants, for messages. */
export const IDENTIFIER_RULE =
  "must start with a letter or digit and go on with letters, digits, `_`, `.` or `-`, at most 200 in all";
const NO_BREAK_SPACE: u8 = 0xa0;
/** What `isInterfaceName` wants, for messages. */
export const INTERFACE_RULE =
  "must have 1 to 15 bytes, without `/`, `:`, `%` or space, and be neither `all` nor `default`";
/** What `isSubdomain` wants of a network's name, for messages. */
export const NAME_RULE =
  "must be the name of a NetworkAttachmentDefinition: lower case letters, digits, `-` and `.`";
/** What `isLabel` wants of a namespace, for messages. */
export const NAMESPACE_RULE = "must be the name of a namespace: lower case letters, digits and `-`";
/** What `isNetworkTitle` wants, for messages. */
export const TITLE_RULE =
  "must be the name of a network, or of a namespace and a NetworkAttachmentDefinition with `/` between";
/** What `isDeviceId` wants, for messages. */
export const DEVICE_RULE = "must have 1 to 253 letters, digits and `.:/-_,@=+`, and no `..`";

/** Tells whether `text` can be a container ID or a network name (CNI spec 1.1.0, sections 1 and 2). */
export function isIdentifier(text: Span): bool {
  if (text.len === 0 || text.len > MAX_IDENTIFIER_BYTES || !isAlphanumeric(text.at(0))) return false;
  for (let i = 1; i < text.len; i++) {
    const c = text.at(i);
    if (!isAlphanumeric(c) && c !== Char.Underscore && c !== Char.Dot && c !== Char.Minus) return false;
  }
  return true;
}

/** Tells whether the kernel takes `text` as an interface name (net/core/dev.c, dev_valid_name; net/ipv4/devinet.c, sysctl_dev_name_is_allowed). */
export function isInterfaceName(text: Span): bool {
  if (text.len === 0 || text.len > MAX_INTERFACE_BYTES || text.is(".") || text.is("..")) return false;
  if (text.is("all") || text.is("default")) return false; // the switches of all interfaces, and of those to come
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if (c <= Char.Space || c === Char.Slash || c === Char.Colon || c === Char.Delete) return false;
    // Of `a%d` the kernel makes a name of its own; and it takes the byte of Latin-1's no-break space for a space.
    if (c === Char.Percent || c === NO_BREAK_SPACE) return false;
  }
  return true;
}

/** Tells whether `text` can name a plugin's executable: one path component (CNI spec 1.1.0, section 1, `type`). */
export function isPluginName(text: Span): bool {
  if (text.len === 0 || text.len > 255 || text.is(".") || text.is("..")) return false;
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if (c < Char.Space || c === Char.Slash || c === Char.Backslash || c === Char.Delete) return false;
  }
  return true;
}

/** Tells whether `text` is a DNS-1123 label (RFC 1123; Kubernetes namespaces; NPWG NAD spec v1.3, section 4.1.1). */
export function isLabel(text: Span): bool {
  return isLabelAt(text, 0, text.len);
}

/** Tells whether `text` is a DNS-1123 subdomain, labels with dots between: the name of a Kubernetes object. */
export function isSubdomain(text: Span): bool {
  if (text.len > 253) return false;
  let from = 0;
  for (let dot = text.indexOf(Char.Dot); dot >= 0; dot = text.indexOf(Char.Dot, from)) {
    if (!isLabelAt(text, from, dot)) return false;
    from = dot + 1;
  }
  return isLabelAt(text, from, text.len);
}

/** Tells whether `text` names a network as network-status does: an identifier, or two with `/` between. */
export function isNetworkTitle(text: Span): bool {
  const slash = text.indexOf(Char.Slash);
  if (slash < 0) return isIdentifier(text);
  return isIdentifier(text.slice(0, slash)) && isIdentifier(text.slice(slash + 1, text.len));
}

/** Tells whether `text` can be the ID of a device: a PCI address, or what a device plugin or DRA driver calls it. */
export function isDeviceId(text: Span): bool {
  if (text.len === 0 || text.len > MAX_DEVICE_BYTES) return false;
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if (isAlphanumeric(c) || c === Char.Underscore || c === Char.At || c === Char.Equals || c === Char.Plus)
      continue;
    if (c < Char.Comma || c > Char.Colon) return false; // , - . / and digits are between them
    if (c === Char.Dot && i > 0 && text.at(i - 1) === Char.Dot) return false;
  }
  return true;
}

/** Tells whether `text` can be an environment variable's value, and a path: it has no control characters. */
export function isPlain(text: Span): bool {
  for (let i = 0; i < text.len; i++) {
    if (text.at(i) < Char.Space || text.at(i) === Char.Delete) return false;
  }
  return true;
}

function isLabelAt(text: Span, from: i32, to: i32): bool {
  if (to === from || to - from > 63) return false;
  if (text.at(from) === Char.Minus || text.at(to - 1) === Char.Minus) return false;
  for (let i = from; i < to; i++) {
    const c = text.at(i);
    if (!isLowerAlphanumeric(c) && c !== Char.Minus) return false;
  }
  return true;
}

function isLowerAlphanumeric(c: i32): bool {
  return (c >= Char.a && c <= Char.z) || isDigit(c);
}

function isAlphanumeric(c: i32): bool {
  return isLowerAlphanumeric(c) || (c >= Char.A && c <= Char.Z);
}
