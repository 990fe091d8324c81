// A connection through a SOCKS5 proxy. As in Go, the proxy resolves the server's name, for socks5: and socks5h: alike.
// Source: RFC 1928; RFC 1929; golang.org/x/net/internal/socks.
import { connect, isIP, type Socket } from "node:net";

const VERSION = 5;
const [NO_AUTHENTICATION, BY_PASSWORD] = [0, 2];
const [IPV4, NAME, IPV6] = [1, 3, 4];
const LIMIT_MS = 10_000;

/** What the proxy answers if it does not connect. Source: RFC 1928, section 6. */
const REPLIES = [
  "",
  "general failure",
  "its rules do not allow the connection",
  "network unreachable",
  "host unreachable",
  "connection refused",
  "the connection took too long",
  "it does not know the command",
  "it does not know this type of address",
];

/**
 * Connects to a server through a proxy.
 *
 * @param proxy may have a user and a password
 * @returns a socket on which the server is heard
 * @throws Error of node:net, or with the code ERR_PROXY_TUNNEL
 */
export async function connectThrough(proxy: URL, host: string, port: number): Promise<Socket> {
  const socket = connect(Number(proxy.port || "1080"), proxy.hostname.replace(/^\[(.*)\]$/, "$1"));
  socket.setTimeout(LIMIT_MS, () => socket.destroy(refused("it does not answer")));
  try {
    await authenticate(socket, decodeURIComponent(proxy.username), decodeURIComponent(proxy.password));
    socket.write(
      Buffer.concat([Buffer.from([VERSION, 1, 0]), addressOf(host), Buffer.from([port >> 8, port & 0xff])]),
    );
    const [, reply = 1, , type = 0] = await take(socket, 4);
    if (reply !== 0) throw refused(REPLIES[reply] ?? `it answers ${reply}`);
    const length = type === IPV4 ? 4 : type === IPV6 ? 16 : ((await take(socket, 1))[0] ?? 0);
    await take(socket, length + 2);
    socket.setTimeout(0);
    socket.removeAllListeners("timeout");
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function authenticate(socket: Socket, user: string, password: string): Promise<void> {
  const methods = user === "" ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, BY_PASSWORD];
  socket.write(Buffer.from([VERSION, methods.length, ...methods]));
  const [version, method] = await take(socket, 2);
  if (version !== VERSION) throw refused("what answers there is not a SOCKS5 proxy");
  if (method === NO_AUTHENTICATION) return;
  if (method !== BY_PASSWORD || user === "") throw refused("it wants credentials of another kind");
  socket.write(Buffer.concat([Buffer.from([1]), counted(user), counted(password)]));
  const [, status] = await take(socket, 2);
  if (status !== 0) throw refused("it refuses the user and password");
}

function addressOf(host: string): Buffer {
  const family = isIP(host);
  if (family === 0) return Buffer.concat([Buffer.from([NAME]), counted(host)]);
  if (family === 4) return Buffer.from([IPV4, ...host.split(".").map(Number)]);
  return Buffer.from([IPV6, ...bytesOf(host)]);
}

/** Returns the 16 bytes of an IPv6 address. */
function bytesOf(address: string): number[] {
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, "")}]`); // spells an embedded IPv4 address in hex
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const groups = (text: string) =>
    text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]);
}

/** Returns a text with its length before it, in one byte. */
function counted(text: string): Buffer {
  const bytes = Buffer.from(text);
  if (bytes.length > 255) throw refused("a name or a password has more than 255 bytes");
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

/** Reads so many bytes, and leaves what comes after them. */
function take(socket: Socket, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(refused("it has closed the connection"));
    const done = () => {
      const bytes: Buffer | null = socket.read(length);
      if (bytes === null) return;
      for (const [event, listener] of listeners) socket.off(event, listener);
      if (bytes.length === length) resolve(bytes);
      else ended(); // these were the last ones
    };
    const listeners = [
      ["readable", done],
      ["end", ended],
      ["error", reject],
      ["close", ended],
    ] as const;
    for (const [event, listener] of listeners) socket.on(event, listener);
    done();
  });
}

function refused(why: string): Error {
  return Object.assign(new Error(why), { code: "ERR_PROXY_TUNNEL" });
}
