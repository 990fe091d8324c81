// Draws a map of networks as SVG. Pure.
//
// Networks are vertical rails in the middle, pods are cards on both sides of them (on one side if they are few), and a wire
// goes straight from each port to its rail. The cards of the two sides lie on rows that are half a step apart, so that no two
// wires are one line. A rail's name stands at its upper end: the rails begin like a staircase, so that no name crosses one.
import { cut, DARK, escaped, LIGHT, text, WIRES } from "../../explain/svg.ts";
import type { MapPod, MapPort, NetworkMap } from "./map.ts";

const MARGIN = 24;
const CARD = 400;
/** All heights of cards are multiples of it. */
const STEP = 12;
const HEAD = 3 * STEP;
const PORT = 3 * STEP;
/** Two lines. */
const FAILURE = 3 * STEP;
const GAP = STEP;
const GROUP = 4 * STEP;
const TITLE = 84;
const STAIR = 22;
const GUTTER = 44;
const WIDEST_RAILS = 620;
/** Above this a map has two sides. */
const TALL = 560;
/** Room for a network's name, at the least. */
const NAMES = 420;

type Side = "left" | "right";

interface Plan {
  width: number;
  sides: readonly Side[];
  railXs: number[];
  /** Where pods begin. */
  top: number;
  xOf: Record<Side, number>;
}

/** Returns an SVG document. */
export function drawMap(map: NetworkMap): string {
  const plan = planOf(map);
  const { svg: groups, bottom } = groupsAt(plan, map);
  const y = map.groups.length === 0 ? bottom + GROUP : bottom;
  const railEnd = y + 4;
  const height = railEnd + MARGIN + map.notes.length * 20;
  const { width } = plan;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plexus-map" role="img" aria-labelledby="plexus-map-title plexus-map-desc"`,
    ` viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title id="plexus-map-title">${escaped(`Networks of ${map.kind} ${map.name}`)}</title>`,
    `<desc id="plexus-map-desc">${escaped(described(map))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="pm-ground" width="${width}" height="${height}" rx="16"/>`,
    text("pm-kind", MARGIN, 36, `Networks of ${map.kind}`),
    text("pm-name", MARGIN, 62, cut(map.name, width - 2 * MARGIN - 220, 13), map.name),
    text("pm-counts", width - MARGIN, 62, countsOf(map)),
    ...map.networks.map((network, index) => railAt(plan, network, index, map.networks.length, railEnd)),
    map.groups.length === 0 ? text("pm-muted", MARGIN, plan.top + 24, "there is no pod with networks") : "",
    ...groups,
    ...map.notes.map((note, index) => text("pm-note", MARGIN, railEnd + 24 + index * 20, note)),
    "</svg>",
  ].join("");
}

function planOf({ networks, groups }: NetworkMap): Plan {
  const count = Math.max(1, networks.length);
  const pitch = Math.max(10, Math.min(34, Math.floor(WIDEST_RAILS / count)));
  const cards = groups.flatMap(({ pods }) => pods).reduce((sum, pod) => sum + heightOf(pod) + GAP, 0);
  const sides: Side[] = cards > TALL ? ["left", "right"] : ["left"];
  const first = MARGIN + CARD + GUTTER;
  const last = first + pitch * (count - 1);
  const right = last + GUTTER;
  return {
    width: sides.length === 2 ? right + CARD + MARGIN : Math.max(right, NAMES),
    sides,
    railXs: networks.map((_, index) => first + index * pitch),
    top: Math.ceil((TITLE + networks.length * STAIR + 12) / STEP) * STEP,
    xOf: { left: MARGIN, right },
  };
}

function railAt(
  { railXs }: Plan,
  { name, count }: { name: string; count: number },
  index: number,
  total: number,
  end: number,
): string {
  const x = railXs[index] ?? 0;
  const y = TITLE + (total - 1 - index) * STAIR;
  const number = `${count} ${count === 1 ? "interface" : "interfaces"}`;
  return [
    `<g class="${colour(index)}"><title>${escaped(`${name}: ${number}`)}</title>`,
    `<path class="pm-rail" d="M${x} ${y}V${end}"/><circle class="pm-end" cx="${x}" cy="${y}" r="6"/>`,
    `<text class="pm-network" x="${x - 14}" y="${y + 4.5}"><tspan class="pm-count">${number}</tspan> ${escaped(cut(name, x - 190, 8))}</text>`,
    "</g>",
  ].join("");
}

/** Above so many, a group is on one side as a whole: many nodes with a pod or two each. */
const WHOLE_GROUPS = 4;

function groupsAt(plan: Plan, map: NetworkMap): { svg: string[]; bottom: number } {
  // Half a step apart: a wire from the right is never on the line of one from the left.
  const ends: Record<Side, number> = { left: plan.top, right: plan.top };
  const areWhole = map.groups.length > WHOLE_GROUPS;
  const svg = map.groups.map((group) => {
    const side = plan.sides.reduce((one, other) => (ends[other] < ends[one] ? other : one));
    const sides = areWhole ? [side] : plan.sides;
    const drawn = groupAt({ ...plan, sides }, map, group, ends[side]);
    for (const one of sides) ends[one] = drawn.bottom;
    return drawn.svg;
  });
  return { svg, bottom: Math.max(...plan.sides.map((side) => ends[side])) };
}

function groupAt(
  plan: Plan,
  map: NetworkMap,
  { kind, name, pods }: NetworkMap["groups"][number],
  y: number,
): { svg: string; bottom: number } {
  const from = y + GROUP;
  const ends: Record<Side, number> = { left: from, right: from + STEP / 2 };
  const cards = pods.map((pod) => {
    const side = plan.sides.reduce((one, other) => (ends[other] < ends[one] ? other : one));
    const at = ends[side];
    ends[side] += heightOf(pod) + GAP;
    return cardAt(plan, map, pod, side, at);
  });
  const lowest = Math.max(...plan.sides.map((side) => ends[side]));
  const svg = [
    `<g><text class="pm-group" x="${plan.xOf[plan.sides[0] ?? "left"]}" y="${y + 26}">${escaped(kind)} <tspan class="pm-group-name">${escaped(cut(name, CARD - 90, 8))}</tspan></text>`,
    ...cards,
    "</g>",
  ].join("");
  return { svg, bottom: Math.ceil(lowest / STEP) * STEP };
}

function heightOf({ ports, failure }: MapPod): number {
  return HEAD + Math.max(1, ports.length) * PORT + (failure === undefined ? STEP : FAILURE + STEP);
}

function cardAt(plan: Plan, map: NetworkMap, pod: MapPod, side: Side, y: number): string {
  const x = plan.xOf[side];
  const inside = x + 20;
  const { name, ports, failure } = pod;
  const below = y + HEAD + Math.max(1, ports.length) * PORT;
  const isMissing = ports.some(({ isAttached }) => !isAttached);
  return [
    `<g><title>${escaped(`pod ${name}${failure === undefined ? "" : `: ${failure}`}`)}</title>`,
    `<rect class="pm-card${isMissing ? " pm-missing" : ""}" x="${x}" y="${y}" width="${CARD}" height="${heightOf(pod)}" rx="10"/>`,
    text("pm-pod", inside, y + 24, cut(name, CARD - 40, 8), name),
    ports.length === 0 ? text("pm-muted", inside, y + HEAD + 20, "no network-status") : "",
    ...ports.map((port, index) => portAt(plan, map, port, side, y + HEAD + index * PORT)),
    ...(failure === undefined ? [] : failureAt(failure, inside, below)),
    "</g>",
  ].join("");
}

/** Two lines; all of it is in the card's tooltip. */
function failureAt(failure: string, x: number, y: number): string[] {
  const most = Math.floor((CARD - 44) / 6);
  const words = `! ${failure}`.split(" ");
  let first = "";
  while (words[0] !== undefined && first.length + words[0].length < most) first += `${words.shift()} `;
  return [first, words.join(" ")].map((line, index) =>
    text("pm-failure", x, y + 14 + index * 16, cut(line, CARD - 40, 6), line),
  );
}

function portAt({ railXs, xOf }: Plan, map: NetworkMap, port: MapPort, side: Side, y: number): string {
  const { ifname, rail, addresses, mac, device, isAttached } = port;
  const edge = side === "left" ? xOf.left + CARD : xOf.right;
  const inside = xOf[side] + 20;
  const middle = y + STEP;
  const x = railXs[rail] ?? edge;
  const network = map.networks[rail]?.name ?? "";
  const addressed = isAttached ? addresses.join("  ") || "no address" : "not attached";
  const whole = [ifname, `on ${network}`, addressed, mac, device].filter((one) => one !== "").join(", ");
  const details = [...(device === "" ? [] : [device]), ...(mac === "" ? [] : [mac])];
  const room = CARD - 40;
  const beside = details.join("  ");
  const named = cut(network, Math.max(90, room - beside.length * 6.6 - 14), 6.7);
  return [
    `<g class="${colour(rail)}${isAttached ? "" : " pm-absent"}"><title>${escaped(whole)}</title>`,
    `<path class="pm-halo" d="M${edge} ${middle}H${x}"/><path class="pm-wire" d="M${edge} ${middle}H${x}"/>`,
    `<circle class="pm-dot" cx="${x}" cy="${middle}" r="5"/>`,
    `<rect class="pm-socket" x="${edge - 6}" y="${middle - 6}" width="12" height="12" rx="3.5"/>`,
    text("pm-ifname", inside, y + 16, cut(ifname, 100, 8)),
    text(isAttached ? "pm-address" : "pm-bad", inside + 92, y + 16, cut(addressed, room - 92, 7.3)),
    text("pm-on", inside, y + 30, named),
    details.length === 0 ? "" : text("pm-detail", inside + room, y + 30, cut(beside, room - 96, 6.6)),
    "</g>",
  ].join("");
}

function colour(index: number): string {
  return `pm-c${index % WIRES}`;
}

function countsOf({ podCount, count, networks }: NetworkMap): string {
  const of = (number: number, one: string) => `${number} ${one}${number === 1 ? "" : "s"}`;
  return [of(podCount, "pod"), of(count, "interface"), of(networks.length, "network")].join(" · ");
}

/** Says in sentences what there is to see. */
function described(map: NetworkMap): string {
  const networks = map.networks.map(({ name, count }) => `${name} (${count})`);
  const failed = map.groups
    .flatMap(({ pods }) => pods)
    .filter(({ failure }) => failure !== undefined)
    .map(({ name }) => name);
  return [
    `${countsOf(map)}.`,
    ...(networks.length > 0 ? [`Networks, with their interfaces: ${networks.join(", ")}.`] : []),
    ...(failed.length > 0 ? [`Something has failed for: ${failed.join(", ")}.`] : []),
    ...map.notes.map((note) => `${note}.`),
  ].join(" ");
}

const MONO = '"JetBrains Mono",ui-monospace,SFMono-Regular,Menlo,Consolas,monospace';

const STYLE = [
  `.plexus-map{${LIGHT};font:13px Inter,"Segoe UI",system-ui,sans-serif}`,
  `@media (prefers-color-scheme:dark){.plexus-map{${DARK}}}@media print{.plexus-map{${LIGHT}}}`,
  ".pm-ground{fill:var(--pp-ground)}.pm-kind{fill:var(--pp-muted);font-size:12px;letter-spacing:.06em;text-transform:uppercase}",
  ".pm-name{fill:var(--pp-ink);font-size:24px;font-weight:650}.pm-counts{fill:var(--pp-muted);text-anchor:end}",
  ".pm-muted,.pm-note{fill:var(--pp-muted)}.pm-group{fill:var(--pp-muted);font-size:12px}",
  ".pm-group-name{fill:var(--pp-ink);font-size:14px;font-weight:650}",
  ".pm-card{fill:var(--pp-pod);stroke:var(--pp-line)}.pm-missing{stroke:var(--pp-bad);stroke-dasharray:6 4}",
  ".pm-pod{fill:var(--pp-ink);font-size:14px;font-weight:650}",
  `.pm-ifname,.pm-address,.pm-detail{font-family:${MONO}}`,
  ".pm-ifname{fill:var(--pp-ink);font-weight:600}.pm-address{fill:var(--pp-ink);font-size:12px}",
  ".pm-on{fill:var(--pm-c);font-size:11.5px;font-weight:600}.pm-detail{fill:var(--pp-muted);font-size:11px;text-anchor:end}",
  ".pm-bad{fill:var(--pp-bad);font-weight:600}.pm-failure{fill:var(--pp-bad);font-size:11.5px}",
  ".pm-rail{stroke:var(--pm-c);stroke-width:4;stroke-linecap:round;fill:none}.pm-end,.pm-dot,.pm-socket{fill:var(--pm-c)}",
  ".pm-dot,.pm-socket{stroke:var(--pp-ground);stroke-width:2}",
  ".pm-network{fill:var(--pm-c);font-size:13.5px;font-weight:650;text-anchor:end}",
  ".pm-count{fill:var(--pp-muted);font-size:12px;font-weight:400}",
  ".pm-halo{stroke:var(--pp-ground);stroke-width:5;fill:none}.pm-wire{stroke:var(--pm-c);stroke-width:2;fill:none}",
  ".pm-absent .pm-wire{stroke-dasharray:4 4}.pm-absent .pm-socket,.pm-absent .pm-dot{fill:var(--pp-ground);stroke:var(--pm-c)}",
  ...Array.from({ length: WIRES }, (_, index) => `.pm-c${index}{--pm-c:var(--pp-${index})}`),
].join("");
