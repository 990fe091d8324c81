// A picture of a pod: its interfaces, and the networks behind them. SVG as text, for a page or for a file. Pure.
import type { ExplainedAttachment, Explanation } from "./explain.ts";
import { cut, DARK, escaped, LIGHT, text, WIRES } from "./svg.ts";
import { underlayOf } from "./underlay.ts";

/** One interface of a pod, and its network. */
export interface PictureRow {
  ifname: string;
  /** Addresses, then other lines. */
  lines: string[];
  isDefault: boolean;
  network: string;
  /** The plugins, in their order. */
  plugins: string[];
  /** What the network is on the node: `bridge cni0`. */
  underlay: string[];
  /** What is to be looked at: a request that reaches no plugin. */
  warning?: string | undefined;
  isStandIn?: boolean;
}

export interface Picture {
  /** What it is of: `pod`. */
  kind: string;
  name: string;
  rows: PictureRow[];
  /** Why there is nothing to draw. */
  failure?: string | undefined;
}

/** Makes the picture of a pod, or of a container that is not a pod's. */
export function pictureOf(
  { attachments, error }: Explanation,
  pod: { namespace: string; name: string } | undefined,
): Picture {
  return {
    kind: pod ? "pod" : "container",
    name: pod ? `${pod.namespace}/${pod.name}` : "not a pod's",
    rows: attachments.map(rowOf),
    ...(error ? { failure: error.message } : {}),
  };
}

function rowOf(attachment: ExplainedAttachment): PictureRow {
  const { ifname, addresses, mac, gateways, unclaimed, isDefault, isStandIn, network, plugins } = attachment;
  const isKnown = !mac.startsWith("<");
  return {
    ifname,
    lines: [
      ...(isStandIn ? [] : addresses.length > 0 ? addresses : ["no address"]),
      ...(isKnown ? [mac] : []),
      ...(gateways.length > 0 ? [`default via ${gateways.join(", ")}`] : []),
    ],
    isDefault,
    network: isStandIn ? "the default network" : network,
    plugins: isStandIn ? [] : plugins.map(({ type }) => type),
    underlay: isStandIn ? ["its conf is not given"] : underlayOf(attachment),
    warning: unclaimed.length > 0 ? `${unclaimed.join(", ")}: no plugin claims it` : undefined,
    isStandIn,
  };
}

const HEAD = 58;
const PAD = 16;
const LINE = 18;
const ROW_GAP = 14;
/** Below this the networks stand closer, and there is no room on the wire for the plugin's name. */
const NARROW = 560;

/**
 * Draws a picture.
 *
 * @param width in pixels, from 320
 */
export function drawPicture(picture: Picture, width = 720): string {
  const isNarrow = width < NARROW;
  const podWidth = Math.round((width - 2) * (isNarrow ? 0.53 : 0.4));
  const cardX = podWidth + (isNarrow ? 22 : Math.max(110, Math.round(width * 0.17)));
  const boxes = new Layout({ podWidth, cardX, cardWidth: width - 1 - cardX, isNarrow });
  let y = HEAD;
  const rows = picture.rows.map((row, index) => {
    const drawn = boxes.row(row, index, y);
    y += drawn.height + ROW_GAP;
    return drawn.svg;
  });
  if (rows.length === 0) y += 46;
  const height = y + 4;
  const nothing =
    rows.length > 0
      ? ""
      : text("pp-muted", PAD, HEAD + 18, picture.failure ? "nothing is attached" : "no networks");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="plexus-picture" role="img" aria-label="${escaped(described(picture))}"`,
    ` viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<style>${STYLE}</style>`,
    `<rect class="${picture.failure ? "pp-pod pp-failed" : "pp-pod"}" x="1" y="1" width="${podWidth}" height="${height - 2}" rx="14"/>`,
    `<path class="pp-icon" d="${HEXAGON}" transform="translate(${PAD + 10} 29)"/>`,
    text("pp-kind", PAD + 30, 24, picture.kind),
    text("pp-title", PAD + 30, 42, cut(picture.name, podWidth - PAD - 40, 7.9), picture.name),
    nothing,
    ...rows,
    "</svg>",
  ].join("");
}

const HEXAGON = "M0-11 9.5-5.5V5.5L0 11-9.5 5.5V-5.5ZM0-4.6 4-2.3V2.3L0 4.6-4 2.3V-2.3Z";

interface Room {
  podWidth: number;
  cardX: number;
  cardWidth: number;
  isNarrow: boolean;
}

class Layout {
  constructor(private readonly room: Room) {}

  row(row: PictureRow, index: number, y: number): { svg: string; height: number } {
    const { podWidth, cardX, isNarrow } = this.room;
    const left = 1 + row.lines.length + (row.warning ? 1 : 0);
    const right = 1 + row.underlay.length + (row.plugins.length > (isNarrow ? 0 : 1) ? 1 : 0);
    const height = Math.max(left, right, 2) * LINE + 18;
    const middle = y + height / 2;
    const wire = `M${podWidth + 7} ${middle}C${(podWidth + cardX) / 2} ${middle} ${(podWidth + cardX) / 2} ${middle} ${cardX} ${middle}`;
    const svg = [
      `<g class="pp-row pp-wire-${index % WIRES}${row.isStandIn ? " pp-standin" : ""}">`,
      `<path class="pp-wire" d="${wire}"/>`,
      this.port(row, y, height),
      this.label(row, middle),
      this.card(row, y, height),
      "</g>",
    ].join("");
    return { svg, height };
  }

  /** The interface, inside of the pod, and its socket on the edge. */
  private port({ ifname, lines, warning }: PictureRow, y: number, height: number): string {
    const { podWidth } = this.room;
    const wide = podWidth - PAD - 24;
    const first = y + 23;
    return [
      `<rect class="pp-port" x="${PAD - 4}" y="${y}" width="${podWidth - PAD - 4}" height="${height}" rx="8"/>`,
      text("pp-ifname", PAD + 8, first, cut(ifname, wide, 8.5), ifname),
      ...lines.map((line, at) =>
        text(
          line.startsWith("<") ? "pp-mono pp-unknown" : "pp-mono",
          PAD + 8,
          first + (at + 1) * LINE,
          cut(line, wide, 7.3),
          line,
        ),
      ),
      warning
        ? text(
            "pp-warning",
            PAD + 8,
            first + (lines.length + 1) * LINE,
            cut(`! ${warning}`, wide, 6.6),
            warning,
          )
        : "",
      `<rect class="pp-socket" x="${podWidth - 6}" y="${y + height / 2 - 7}" width="14" height="14" rx="4"/>`,
    ].join("");
  }

  /** The plugin that makes the interface, on its wire. */
  private label({ plugins }: PictureRow, middle: number): string {
    const { podWidth, cardX, isNarrow } = this.room;
    const [plugin] = plugins;
    if (isNarrow || plugin === undefined) return "";
    const room = cardX - podWidth - 34;
    const shown = cut(plugin, room - 12, 7);
    const wide = Math.min(room, shown.length * 7 + 16);
    const centre = (podWidth + cardX + 6) / 2;
    return [
      `<rect class="pp-pill" x="${centre - wide / 2}" y="${middle - 11}" width="${wide}" height="22" rx="11"/>`,
      text("pp-plugin", centre, middle + 4.5, shown, plugin),
    ].join("");
  }

  private card({ network, plugins, underlay, isDefault }: PictureRow, y: number, height: number): string {
    const { cardX, cardWidth, isNarrow } = this.room;
    const x = cardX + 18;
    const badge = isDefault && cardWidth > 150;
    const wide = cardWidth - 30;
    const chain = plugins.length > (isNarrow ? 0 : 1) ? [plugins.join(" → ")] : [];
    return [
      `<rect class="pp-card" x="${cardX}" y="${y}" width="${cardWidth}" height="${height}" rx="8"/>`,
      `<rect class="pp-edge" x="${cardX}" y="${y + 8}" width="4" height="${height - 16}" rx="2"/>`,
      text("pp-network", x, y + 23, cut(network, badge ? wide - 62 : wide, 7.7), network),
      badge
        ? `<rect class="pp-badge" x="${cardX + cardWidth - 66}" y="${y + 9}" width="56" height="19" rx="9.5"/>${text("pp-badge-text", cardX + cardWidth - 38, y + 22.5, "default")}`
        : "",
      ...[...chain, ...underlay].map((line, at) =>
        text("pp-muted", x, y + 23 + (at + 1) * LINE, cut(line, wide, 6.6), line),
      ),
    ].join("");
  }
}

/** Says in a sentence what a picture shows, for who does not see it. */
function described({ kind, name, rows, failure }: Picture): string {
  const parts = rows.map(({ ifname, lines, network, plugins, warning }) => {
    const by = plugins.length > 0 ? ` by ${plugins.join(", ")}` : "";
    return `${ifname}${lines.length > 0 ? ` (${lines.join(", ")})` : ""} on ${network}${by}${warning ? `; ${warning}` : ""}`;
  });
  const what =
    rows.length === 0
      ? "has no interface"
      : `has ${rows.length === 1 ? "an interface" : `${rows.length} interfaces`}`;
  const all = `${kind} ${name} ${what}${parts.length > 0 ? `: ${parts.join("; ")}` : ""}`;
  return failure ? `${all}. It fails: ${failure}` : all;
}

/** A page that has a switch of its own says `data-theme` on its root. */
const STYLE = [
  `.plexus-picture{${LIGHT};font:13px Inter,"Segoe UI",system-ui,sans-serif}`,
  `@media (prefers-color-scheme:dark){.plexus-picture{${DARK}}}`,
  `[data-theme=light] .plexus-picture{${LIGHT}}[data-theme=dark] .plexus-picture{${DARK}}`,
  ".pp-pod{fill:var(--pp-pod);stroke:var(--pp-line);stroke-width:1.5}.pp-failed{stroke:var(--pp-bad);stroke-dasharray:6 4}",
  ".pp-icon{fill:var(--pp-0);fill-rule:evenodd}.pp-kind{fill:var(--pp-muted);font-size:11px;letter-spacing:.06em;text-transform:uppercase}",
  ".pp-title{fill:var(--pp-ink);font-weight:650;font-size:14.5px}",
  ".pp-port,.pp-card{fill:var(--pp-ground);stroke:var(--pp-line)}",
  ".pp-ifname,.pp-network{fill:var(--pp-ink);font-weight:650;font-size:14px}",
  '.pp-ifname,.pp-mono,.pp-plugin{font-family:"JetBrains Mono",ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}',
  ".pp-mono{fill:var(--pp-ink);font-size:12px}.pp-muted{fill:var(--pp-muted);font-size:12px}",
  ".pp-unknown{fill:var(--pp-muted);font-style:italic}",
  ".pp-warning{fill:var(--pp-warn);font-size:12px;font-weight:600}",
  ".pp-wire{fill:none;stroke:var(--pp-c);stroke-width:2.5}.pp-socket{fill:var(--pp-c);stroke:var(--pp-ground);stroke-width:2.5}",
  ".pp-pill{fill:var(--pp-ground);stroke:var(--pp-c);stroke-width:1.5}.pp-plugin{fill:var(--pp-c);font-size:11.5px;font-weight:600;text-anchor:middle}",
  ".pp-edge{fill:var(--pp-c)}.pp-badge{fill:var(--pp-c);opacity:.16}.pp-badge-text{fill:var(--pp-c);font-size:11px;font-weight:650;text-anchor:middle}",
  ".pp-standin .pp-wire,.pp-standin .pp-card{stroke-dasharray:5 4}",
  ...Array.from({ length: WIRES }, (_, index) => `.pp-wire-${index}{--pp-c:var(--pp-${index})}`),
].join("");
