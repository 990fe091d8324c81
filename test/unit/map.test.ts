// A map of networks: well-formed whatever the names are, readable for who does not see it, and no two wires on one line.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { drawMap } from "../../launcher/cli/pods/draw.ts";
import { Failures } from "../../launcher/cli/pods/failures.ts";
import { mapOf } from "../../launcher/cli/pods/map.ts";
import { pageOf } from "../../launcher/cli/pods/page.ts";
import { networksOf, type PodNetworks } from "../../launcher/cli/pods/status.ts";
import { JsonObject } from "../../launcher/cluster/json.ts";
import { eth0, FEW, FEW_EVENTS, fakePod, HOSTILE, MANY } from "./fake-networks.ts";
import { tagsOf } from "./tags.ts";

const IMAGE = fileURLToPath(new URL("../../docs/images/map.svg", import.meta.url));
const objectOf = (object: object) => JsonObject.of(object, "fake") as JsonObject;

function gathered(pods: object[], events: object[] = []) {
  const failures = new Failures(() => true);
  for (const event of events) failures.take(objectOf(event));
  return {
    pods: pods.map((pod) => networksOf(objectOf(pod)) as PodNetworks),
    failures: failures.all(),
    remarks: [],
  };
}
const DEFAULT = { kind: "namespace", name: "default", by: "node" } as const;
const draw = (pods: object[], events: object[] = []) => drawMap(mapOf(gathered(pods, events), DEFAULT));

test("it shows each pod with its interfaces, addresses and VFs, each network, and what has failed", () => {
  const svg = draw(FEW, FEW_EVENTS);
  tagsOf(svg);
  for (const shown of [
    ...[
      "node <tspan",
      "worker-1",
      "worker-2",
      "database-0",
      "net2",
      "192.168.2.5",
      "0000:3b:02.1",
      "default/fast",
    ],
    ...[
      "2 interfaces",
      "not attached",
      "3 pods · 5 interfaces · 4 networks",
      "! NoNetworkFound: there is no Network",
    ],
  ])
    expect(svg).toContain(shown);
});

test("a title and a description say what there is to see", () => {
  const svg = draw(FEW, FEW_EVENTS);
  expect(svg).toContain('role="img" aria-labelledby="plexus-map-title plexus-map-desc"');
  expect(svg).toContain('<title id="plexus-map-title">Networks of namespace default</title>');
  expect(svg).toMatch(
    /<desc [^>]*>3 pods · .* default\/storage \(2\).* Something has failed for: worker-0\.<\/desc>/,
  );
});

test("the picture in the documentation is what is drawn: WRITE_IMAGES=1 writes it", () => {
  const svg = `${draw(FEW, FEW_EVENTS)}\n`;
  if (process.env.WRITE_IMAGES === "1") writeFileSync(IMAGE, svg);
  expect(readFileSync(IMAGE, "utf8")).toBe(svg);
  expect(svg.length).toBeLessThan(16_000);
});

test("a map of forty pods has two sides, and no two wires on one line", () => {
  const svg = draw(MANY);
  const wires = [...svg.matchAll(/pm-wire" d="M(\d+) (\d+)H(\d+)"/g)].map(([, from, y, to]) =>
    [from, y, to].map(Number),
  );
  expect(wires).toHaveLength(98);
  expect(new Set(wires.map(([from]) => from)).size).toBe(2);
  expect(new Set(wires.map(([, y]) => y)).size).toBe(wires.length);
});

test("many nodes with a pod each are on both sides", () => {
  const pods = Array.from({ length: 20 }, (_, index) =>
    fakePod({ name: `p${index}`, node: `node-${index}`, status: [eth0(index)] }),
  );
  const svg = draw(pods);
  const wires = [...svg.matchAll(/pm-wire" d="M(\d+) (\d+)H/g)].map(([, from, y]) => [
    Number(from),
    Number(y),
  ]);
  const sides = Object.groupBy(wires, ([from]) => `${from}`);
  expect(Object.values(sides).map((one) => one?.length)).toEqual([10, 10]);
  expect(new Set(wires.map(([, y]) => y)).size).toBe(20);
});

test("pods of a node are grouped by their namespaces, and named with them", () => {
  const map = mapOf(gathered(MANY), { kind: "node", name: "worker-1", by: "namespace" });
  expect(map.groups.map(({ name }) => name)).toEqual(["billing", "shop"]);
  expect(map.networks[0]).toEqual({ name: "podnet", count: 40 });
});

test("what is too much to look at is left out, and it says how much", () => {
  const pods = Array.from({ length: 500 }, (_, index) =>
    fakePod({ name: `p${index}`, status: [{ name: `n${index}`, interface: "eth0" }] }),
  );
  const svg = draw(pods);
  expect(svg).toContain("100 more pods are not drawn");
  expect(svg).toContain("352 more interfaces are not drawn");
  expect(svg.length).toBeLessThan(1_000_000);
});

test("a namespace without networks is a picture too", () => {
  expect(draw([])).toContain("there is no pod with networks");
  tagsOf(draw([]));
});

test.each(HOSTILE)("the name %j is text everywhere", (name) => {
  const hostile = (text: string) => {
    const device = { type: "pci", pci: { "pci-address": text } };
    const status = [{ name: text, interface: text, ips: [text], mac: text, "device-info": device }];
    const pods = [
      fakePod({ name: text, namespace: text, node: text, status }),
      fakePod({ name: text, networks: "a" }),
    ];
    const involvedObject = { uid: `uid-${text}-${text}`.toWellFormed(), namespace: text, name: text };
    const all = gathered(pods, [
      { ...FEW_EVENTS[0], reason: `Network${text}`, message: text, involvedObject },
    ]);
    const map = mapOf(all, { kind: "node", name: text, by: "namespace" });
    return { svg: drawMap(map), html: pageOf(map, { ...all, remarks: [text] }, new Date(0)) };
  };
  const [given, plain] = [hostile(name), hostile("a-name-of-some-len")];
  const others = (tags: string[]) => tags.filter((tag) => tag !== "title").sort();
  expect(others(tagsOf(given.svg))).toEqual(others(tagsOf(plain.svg)));
  for (const text of [given.svg, given.html.replaceAll("\n", "")]) {
    expect(text).not.toMatch(/<script|onload="|[\p{Cc}\p{Cs}\uffff\u202a-\u202e]/u);
  }
  expect(given.html.match(/<style>/g)).toHaveLength(2);
});

test("the page fetches and executes nothing, and has all interfaces in a table", () => {
  const all = gathered(FEW, FEW_EVENTS);
  const html = pageOf(mapOf(all, DEFAULT), all, new Date(0));
  expect(html).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  expect(html.replace("http://www.w3.org/2000/svg", "")).not.toMatch(/<script|https?:|url\(|@import/);
  expect(html.match(/<tr>/g)).toHaveLength(2 + 7 + 1);
  expect(html).toContain("As of 1970-01-01T00:00:00Z");
});
