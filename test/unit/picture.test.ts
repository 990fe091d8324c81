// A pod as SVG: well-formed whatever the names are, and readable for who does not see it.
import { expect, test } from "vitest";
import { drawPicture, type Picture, type PictureRow } from "../../launcher/explain/picture.ts";
import { underlayOf } from "../../launcher/explain/underlay.ts";
import { tagsOf } from "./tags.ts";

const row = (more: Partial<PictureRow> = {}): PictureRow => ({
  ifname: "eth0",
  lines: ["10.1.0.5/24"],
  isDefault: true,
  network: "podnet",
  plugins: ["bridge", "portmap"],
  underlay: ["bridge cni0"],
  ...more,
});
const picture = (...rows: PictureRow[]): Picture => ({ kind: "pod", name: "default/web", rows });

test("each interface has its row, with its addresses, its network and its plugins", () => {
  const svg = drawPicture(picture(row(), row({ ifname: "net1", network: "default/a", isDefault: false })));
  expect(tagsOf(svg).filter((tag) => tag === "g")).toHaveLength(2);
  for (const shown of ["eth0", "net1", "10.1.0.5/24", "default/a", "bridge → portmap", "bridge cni0"])
    expect(svg).toContain(shown);
});

test("a sentence says what there is to see", () => {
  const svg = drawPicture(picture(row(), row({ ifname: "net1", warning: "mac: no plugin claims it" })));
  expect(svg).toContain(
    'role="img" aria-label="pod default/web has 2 interfaces: eth0 (10.1.0.5/24) on podnet by bridge, portmap; net1',
  );
  expect(svg).toContain("mac: no plugin claims it");
});

test.each([
  "</text><script>alert(1)</script>",
  '" onload="alert(1)',
  "&lt;b&gt;",
  "\u0000\ud800\uffff",
  "]]>",
])("the name %j is text everywhere", (name) => {
  const hostile = row({
    ifname: name,
    lines: [name],
    network: name,
    plugins: [name],
    underlay: [name],
    warning: name,
  });
  for (const width of [320, 720, 1200]) {
    const svg = drawPicture({ kind: "pod", name, rows: [hostile], failure: name }, width);
    const plain = drawPicture(
      { kind: "pod", name: "n", rows: [row({ plugins: ["p"], warning: "w" })] },
      width,
    );
    const others = (tags: string[]) => tags.filter((tag) => tag !== "title");
    expect(others(tagsOf(svg))).toEqual(others(tagsOf(plain)));
    expect(svg).not.toMatch(/<script|[\p{Cc}\p{Cs}\uffff]/u);
  }
});

test("what has no room is cut, and whole in a tooltip", () => {
  const long = "a-network-with-a-name-that-is-longer-than-anybody-has-room-for-in-a-picture";
  const svg = drawPicture(picture(row({ network: long })), 400);
  expect(svg).toContain(`<title>${long}</title>`);
  expect(svg).toMatch(/>a-net[\w-]*…</);
});

test("it is as wide as it is told to be, and higher for more interfaces", () => {
  const heightOf = (svg: string) => Number(/height="(\d+)">/.exec(svg)?.[1]);
  const one = drawPicture(picture(row()), 480);
  expect(one).toContain('viewBox="0 0 480 ');
  expect(heightOf(drawPicture(picture(row(), row(), row()), 480))).toBeGreaterThan(2 * heightOf(one));
});

test.each([
  ["bridge", { vlan: 7 }, ["bridge cni0", "VLAN 7"]],
  ["macvlan", { master: "ens8" }, ["on ens8, mode bridge"]],
  ["ipvlan", {}, ["on the default route's link, mode l2"]],
  ["sriov", { deviceID: "0000:03:02.1", vlan: 100 }, ["VF 0000:03:02.1", "VLAN 100"]],
  ["constructor", {}, []],
])("what %s is on the node", (type, conf, expected) => {
  const plugins = [{ type, stdin: JSON.stringify({ type, ...conf }), args: "" }];
  expect(underlayOf({ plugins } as never)).toEqual(expected);
});
