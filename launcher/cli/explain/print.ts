// An explanation for people.

import type { ExplainedAttachment, Explanation } from "../../explain/explain.ts";
import { plain } from "../../log/visible.ts";
import type { Located } from "../formats.ts";
import { aligned } from "../table.ts";
import type { Attempt } from "./attempts.ts";
import { hintFor } from "./hints.ts";

/** Members of an element that are called otherwise than their capabilities. */
const MEMBERS: Record<string, string> = { infinibandGUID: "infiniband-guid" };

interface Explained {
  /** `pod default/web`, or `a container that is not a pod's`. */
  title: string;
  explanation: Explanation;
  findings: Located[];
  /** Are the files the user's own, with lines that say something to him? */
  hasLines: boolean;
  attempts: Attempt[];
  notes: string[];
  /** As it is now; undefined if the pod has none, or is not there. */
  networkStatus: string | undefined;
  /** Print what each plugin is given? */
  withStdin: boolean;
}

/** Returns lines: what there will be, what is wrong with it, what has happened. */
export function explanationText(explained: Explained): string {
  const { title, explanation, attempts, notes, networkStatus, withStdin } = explained;
  const { attachments, error, networkStatus: expected, warnings } = explanation;
  const fails = error ? [`An ADD fails, code ${error.code}: ${error.message}`, ...hinted(error.message)] : [];
  return [
    `${title}: ${summary(explanation)}`,
    ...fails,
    "",
    ...(attachments.length > 0 ? [...networksTable(attachments), ""] : []),
    ...(withStdin ? attachments.flatMap(inputsOf) : []),
    ...listed("Errors", findingLines(explained, true)),
    ...listed("Warnings", [...warnings, ...findingLines(explained, false)]),
    ...(expected === undefined ? [] : ["network-status will be:", ...documentLines(expected), ""]),
    ...(networkStatus === undefined ? [] : ["network-status is:", ...documentLines(networkStatus), ""]),
    ...listed("What has happened, the last at the end", attempts.flatMap(attemptLines)),
    ...listed("Not looked at", notes),
  ]
    .map(plain) // here, and nowhere else: what tenants have written makes no line of its own
    .join("\n")
    .trimEnd();
}

/** Returns the lines of a JSON document, whose line breaks are between its tokens; of other text one. */
function documentLines(text: string): string[] {
  try {
    JSON.parse(text);
    return text.split("\n");
  } catch {
    return [text];
  }
}

function summary({ attachments, error }: Explanation): string {
  if (error) return "nothing will be attached";
  const count = attachments.length;
  return count === 1 ? "one network" : `${count} networks, attached in this order`;
}

function networksTable(attachments: readonly ExplainedAttachment[]): string[] {
  const rows = attachments.map(
    ({ ifname, network, isDefault, plugins, addresses, mac, gateways, device }) => [
      ifname,
      isDefault ? `${network} (default)` : network,
      plugins.map(({ type }) => type).join(", "),
      addresses.join(", ") || "-",
      mac.startsWith("<") ? "-" : mac,
      [...(device === undefined ? [] : [device]), ...gateways.map((one) => `default route via ${one}`)].join(
        ", ",
      ),
    ],
  );
  return aligned([["INTERFACE", "NETWORK", "PLUGINS", "ADDRESSES", "MAC", ""], ...rows]).split("\n");
}

function inputsOf({ ifname, network, plugins }: ExplainedAttachment): string[] {
  return plugins.flatMap(({ type, args, stdin }) => [
    `${ifname}, network ${network}: ${type} is given`,
    `CNI_ARGS=${args}`,
    ...documentLines(stdin),
    "",
  ]);
}

function findingLines({ findings, hasLines, explanation }: Explained, areErrors: boolean): string[] {
  const others = findings.filter((finding) => !isSaidByAdd(finding, explanation));
  const shown = others.filter(({ severity }) => (severity === "error") === areErrors);
  return shown.map(({ file, line, column, path, within, severity, found, remedy, rule }) => {
    const place = hasLines ? `${file}:${line}:${column}` : `${file} ${path}${within ?? ""}`;
    return `${place}: ${severity}: ${found}; ${remedy} [${rule}]`;
  });
}

/** Tells whether the ADD itself warns of what lint has found. It does not where it expects the plugin to take it from CNI_ARGS. */
function isSaidByAdd({ rule, found }: Located, { attachments, warnings }: Explanation): boolean {
  if (rule !== "missing-capability") return false;
  return attachments.some(({ network, ifname, unclaimed }) => {
    if (!found.includes(`of ${JSON.stringify(network)}`)) return false;
    const said = warnings.find(
      (one) => one.startsWith(`network ${network} on ${ifname}: `) && one.endsWith(`[${rule}]`),
    );
    const asked = unclaimed.filter((capability) => said?.includes(`\`${capability}\``));
    return asked.some((capability) => found.startsWith(`\`${MEMBERS[capability] ?? capability}\` `));
  });
}

function attemptLines({ time, count, from, message, hint }: Attempt): string[] {
  const times = count > 1 ? `, ${count} times` : "";
  const line = `${time === "" ? "now" : time}${times} ${from}: ${message}`;
  return [line, ...(hint === undefined ? [] : [`  -> ${hint}`])];
}

function hinted(message: string): string[] {
  const hint = hintFor(message);
  return hint === undefined ? [] : [`  -> ${hint}`];
}

function listed(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : [`${title}:`, ...lines.map((line) => `  ${line}`), ""];
}
