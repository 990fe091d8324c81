// The worst that a tenant can ask for within what an API server takes: 1.4 MB in a NetworkAttachmentDefinition, 240 KB in a
// pod's annotation. Shapes that have cost, or could cost, more than their own size in time or in memory.

/** One pod, and the NetworkAttachmentDefinitions that it selects. */
export interface Attack {
  /** Name -> `spec.config`. */
  nads: Record<string, string>;
  /** The pod's annotation k8s.v1.cni.cncf.io/networks. */
  networks: string;
}

/** What an API server, and the etcd behind it, takes of one object, with something left for the rest of it. */
const LARGE = 1_400_000;

/** @param type of a plugin that takes any conf */
export function attacks(type: string): Record<string, Attack> {
  const conf = (members: string) => `{"cniVersion":"1.0.0","type":"${type}",${members}}`;
  const filled = (bytes: number) => conf(`"junk":"${"x".repeat(bytes)}"`);
  const one = (config: string): Attack => ({ nads: { a: config }, networks: "a" });
  const large = (members: string) => one(conf(members));
  return {
    "2,500 keys of args.cni, and 100 times 270 of cni-args": {
      nads: { a: conf(`"args":{"cni":${object(2500, "k")}}`) },
      networks: `[${Array(100)
        .fill(`{"name":"a","cni-args":${object(270, "k")}}`)
        .join(",")}]`,
    },
    "70,000 capabilities, and 2,000 port mappings": {
      nads: { a: conf(`"capabilities":${object(70_000, "c", "true")}`) },
      networks: JSON.stringify([{ name: "a", portMappings: ports(2000) }]),
    },
    "100 networks with 2,000 routes each": {
      nads: { a: conf(`"capabilities":{"ips":true,"mac":true},"ipam":{"routes":${array(2000, "{}")}}`) },
      networks: Array(100).fill("a").join(","),
    },
    "5 networks of 1.4 MB": { nads: { a: filled(LARGE) }, networks: Array(5).fill("a").join(",") },
    "10 networks of 1.4 MB": { nads: { a: filled(LARGE) }, networks: Array(10).fill("a").join(",") },
    "100 networks of 100 KB": { nads: { a: filled(100_000) }, networks: Array(100).fill("a").join(",") },
    "60 networks of 100 KB": { nads: { a: filled(100_000) }, networks: Array(60).fill("a").join(",") },
    "lists in lists": large(`"a":${"[".repeat(LARGE / 2)}${"]".repeat(LARGE / 2)}`),
    "objects in objects": large(`"a":${'{"a":'.repeat(LARGE / 8)}1${"}".repeat(LARGE / 8)}`),
    "100,000 keys": large(`"a":${object(100_000, "k")}`),
    "one key 150,000 times": large(Array(150_000).fill('"a":1').join(",")),
    "460,000 empty lists": large(`"a":${array(LARGE / 3, "[]")}`),
    "60,000 plugins of a chain": one(
      `{"cniVersion":"1.0.0","plugins":${array(60_000, `{"type":"${type}"}`)}}`,
    ),
    "a string of escapes": large(`"name":"${"\\u0041".repeat(LARGE / 7)}"`),
    "a number of 1,400,000 digits": large(`"mtu":${"9".repeat(LARGE)}`),
    "a string that never ends": one(`{"a":"${"x".repeat(LARGE)}`),
    "60,000 routes, addresses and DNS servers": large(
      `"ipam":{"type":"x","routes":${array(20_000, '{"dst":"::/0"}')},"addresses":${array(20_000, '{"address":"::/0"}')}},` +
        `"dns":{"nameservers":${array(20_000, '"::1"')}}`,
    ),
    "100,000 networks": { nads: {}, networks: Array(100_000).fill("a").join(",") },
    "a list of 18,000 networks in JSON": { nads: {}, networks: array(18_000, '{"name":"a"}') },
  };
}

/** A result with so many interfaces, and two addresses and two routes for each. */
export function largeResult(interfaces: number): string {
  const each = <T>(make: (index: number) => T): T[] => Array.from({ length: interfaces }, (_, i) => make(i));
  return JSON.stringify({
    cniVersion: "1.0.0",
    interfaces: each((index) => ({ name: `if${index}`, mac: "c2:b0:57:49:47:f1", sandbox: "/run/netns/x" })),
    ips: each((index) => [
      { address: `10.${index >> 8}.${index & 255}.1/24`, interface: index },
      { address: `fd00::${index.toString(16)}/64`, interface: index },
    ]).flat(),
    routes: each((index) => [
      { dst: `10.${index >> 8}.${index & 255}.0/24` },
      { dst: `fd00:${index.toString(16)}::/64` },
    ]).flat(),
  });
}

function object(count: number, prefix: string, value = "1"): string {
  return `{${Array.from({ length: count }, (_, index) => `"${prefix}${index}":${value}`).join(",")}}`;
}

function array(count: number, element: string): string {
  return `[${Array(Math.floor(count)).fill(element).join(",")}]`;
}

function ports(count: number): object[] {
  return Array.from({ length: count }, (_, index) => ({
    hostPort: 1 + index,
    containerPort: 1 + index,
    protocol: "tcp",
  }));
}
