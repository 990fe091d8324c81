// A map of networks as one HTML file, with all that it shows in a table: nothing in it is executed, and nothing is fetched.
import { DARK, escaped, LIGHT } from "../../explain/svg.ts";
import { drawMap } from "./draw.ts";
import type { Gathered } from "./gather.ts";
import type { NetworkMap } from "./map.ts";
import { deviceText } from "./print.ts";

/** Rows that a browser lays out at once. */
const MOST_ROWS = 5_000;

/** @param when the moment that it is of */
export function pageOf(map: NetworkMap, { pods, failures, remarks }: Gathered, when: Date): string {
  const title = escaped(`Networks of ${map.kind} ${map.name}`);
  const rows = pods.flatMap(({ namespace, name, node, interfaces, asked }) => [
    ...interfaces.map(({ ifname, network, ips, mac, device }) => [
      ...[`${namespace}/${name}`, node, ifname, network, ips.join(" "), mac, deviceText(device)],
    ]),
    ...asked.map((network) => [`${namespace}/${name}`, node, "", network, "not attached", "", ""]),
  ]);
  const left =
    rows.length > MOST_ROWS ? [`${rows.length - MOST_ROWS} more interfaces are not in the table`] : [];
  return [
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">',
    `<title>${title}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${title}</h1><div class="map" tabindex="0" role="region" aria-label="The map">${drawMap(map)}</div>`,
    table(
      "What has failed",
      ["Pod", "Last", "Times", "Reason", "Message"],
      failures.map(({ namespace, pod, time, count, reason, message, hint }) => [
        ...[
          `${namespace}/${pod}`,
          time,
          `${count}`,
          reason,
          hint === undefined ? message : `${message} → ${hint}`,
        ],
      ]),
    ),
    table(
      "Interfaces",
      ["Pod", "Node", "Interface", "Network", "Addresses", "MAC", "Device"],
      rows.slice(0, MOST_ROWS),
    ),
    ...[...left, ...remarks].map((remark) => `<p class="remark">${escaped(remark)}</p>`),
    `<p class="remark">As of ${when.toISOString().slice(0, 19)}Z, by plexus map.</p></main></body></html>\n`,
  ].join("\n");
}

function table(caption: string, heading: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return "";
  const cells = (row: readonly string[]) => row.map((cell) => `<td>${escaped(cell)}</td>`).join("");
  return [
    `<div class="rows" tabindex="0" role="region" aria-label="${escaped(caption)}"><table><caption>${escaped(caption)}</caption>`,
    `<thead><tr>${heading.map((one) => `<th scope="col">${escaped(one)}</th>`).join("")}</tr></thead>`,
    `<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join("\n")}</tbody></table></div>`,
  ].join("");
}

const STYLE = [
  `:root{${LIGHT};color-scheme:light dark}@media (prefers-color-scheme:dark){:root{${DARK}}}@media print{:root{${LIGHT};color-scheme:light}}`,
  'body{margin:0;background:var(--pp-pod);color:var(--pp-ink);font:14px/1.45 Inter,"Segoe UI",system-ui,sans-serif}',
  "main{max-width:1240px;margin:0 auto;padding:24px}h1{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}",
  ".map,.rows{overflow-x:auto;border:1px solid var(--pp-line);border-radius:16px;background:var(--pp-ground);margin-bottom:24px}",
  ".map svg{display:block;margin:0 auto;max-width:100%;min-width:640px;height:auto}",
  "table{border-collapse:collapse;width:100%}caption{text-align:left;font-weight:650;font-size:16px;padding:14px 18px}",
  "th,td{text-align:left;padding:6px 18px;border-top:1px solid var(--pp-line);vertical-align:top;white-space:nowrap}td:nth-child(5):last-child{white-space:normal;min-width:24em}",
  "th{color:var(--pp-muted);font-weight:500;white-space:nowrap}.remark{color:var(--pp-muted);margin:6px 4px;overflow-wrap:anywhere}",
  "@media print{body{background:none}main{max-width:none;padding:0}.map,.rows{border:0;overflow:visible}.map svg{min-width:0}thead{display:table-header-group}tr{break-inside:avoid}td{white-space:normal;overflow-wrap:anywhere}}",
].join("");
