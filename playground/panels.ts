// What is shown of an analysis.
import type { ExplainedAttachment, Explanation } from "../launcher/explain/explain.ts";
import { drawPicture, pictureOf } from "../launcher/explain/picture.ts";
import { type Analysis, EDITORS, type Mark } from "./analysis.ts";
import { quotes } from "./editor.ts";
import { button, byId, element } from "./elements.ts";
import { indented } from "./json.ts";

export interface Doing {
  goTo(mark: Mark): void;
  openRule(rule: string): void;
  copy(text: string, what: string): void;
}

const TITLES = { pod: "Pod", networks: "Networks", node: "Node" } as const;

export function showAll(analysis: Analysis, doing: Doing): void {
  const { explanation } = analysis;
  summary(analysis);
  findings(analysis, doing);
  picture(analysis);
  byId("outcome").hidden = explanation === undefined;
  const isDrawn = (explanation?.attachments.length ?? 0) > 0;
  for (const id of ["inputs-box", "legend"]) byId(id).hidden = !isDrawn;
  inputs(explanation?.attachments ?? [], doing);
  networkStatus(explanation, doing);
  events(explanation);
}

/** Says why nothing can be said. What was shown before would be of another input. */
export function showFailure(message: string): void {
  for (const id of ["findings-box", "outcome"]) byId(id).hidden = true;
  byId("summary").dataset.state = "bad";
  byId("summary").textContent = message;
}

/** In one line, which screen readers read out. */
function summary({ marks, explanation, more }: Analysis): void {
  const [errors, warnings] = ["error", "warning"].map(
    (kind) => marks.filter(({ severity }) => severity === kind).length,
  ) as [number, number];
  const count = explanation?.attachments.length ?? 0;
  const found = [
    errors > 0 ? many(errors, "error") : "",
    warnings > 0 ? many(warnings, "warning") : "",
    more ? "and more" : "",
  ].filter(Boolean);
  const fails = explanation?.error !== undefined;
  const what =
    explanation === undefined
      ? "Write a pod, or choose an example."
      : fails
        ? "The ADD fails: nothing is attached."
        : `${many(count, "interface")} will be attached.`;
  const state = errors > 0 || fails ? "bad" : warnings > 0 ? "warn" : explanation ? "good" : "none";
  const box = byId("summary");
  box.dataset.state = state;
  box.replaceChildren(
    element("strong", {}, what),
    ` ${found.length > 0 ? `${found.join(", ")}.` : explanation ? "No findings." : ""}`,
  );
}

function findings({ marks, more, explanation }: Analysis, doing: Doing): void {
  const items = EDITORS.flatMap((editor) => marks.filter((mark) => mark.editor === editor)).map((mark) =>
    element(
      "li",
      { class: `finding ${mark.severity}` },
      element("span", { class: "severity" }, mark.severity),
      element(
        "div",
        {},
        element("p", {}, ...quotes(mark.found), "; ", ...quotes(mark.remedy)),
        element(
          "p",
          { class: "where" },
          button(`${TITLES[mark.editor]}, line ${mark.line}`, "link", () => doing.goTo(mark)),
          element("span", { "aria-hidden": "true" }, " · "),
          button(mark.rule, "rule", () => doing.openRule(mark.rule)),
        ),
      ),
    ),
  );
  if (explanation?.error) items.unshift(said("error", "ADD", explanation.error.message));
  for (const warning of explanation?.warnings ?? []) items.push(said("warning", "ADD", warning));
  const list = byId("findings");
  list.replaceChildren(...items);
  byId("findings-box").hidden = items.length === 0;
  byId("more").hidden = !more;
}

function said(severity: string, by: string, message: string): HTMLLIElement {
  return element(
    "li",
    { class: `finding ${severity}` },
    element("span", { class: "severity" }, severity),
    element(
      "div",
      {},
      element("p", {}, ...quotes(message)),
      element("p", { class: "where" }, `${by} says so`),
    ),
  );
}

/** The picture's own text is escaped: as XML, not as HTML, it is read whole or not at all. */
function picture({ explanation, pod }: Analysis): void {
  const box = byId("picture");
  if (explanation === undefined) {
    box.replaceChildren();
    return;
  }
  const width = Math.max(320, Math.min(860, Math.floor(box.clientWidth || 720)));
  const svg = drawPicture(pictureOf(explanation, pod), width);
  const { documentElement } = new DOMParser().parseFromString(svg, "image/svg+xml");
  box.replaceChildren(document.importNode(documentElement, true));
}

/** What each plugin is given. What somebody has opened stays open. */
function inputs(attachments: readonly ExplainedAttachment[], doing: Doing): void {
  const box = byId("inputs");
  const open = new Set(
    [...box.querySelectorAll<HTMLDetailsElement>("details[open]")].map(({ dataset }) => dataset.ifname),
  );
  const isFirst = box.children.length === 0;
  box.replaceChildren(
    ...attachments.map((attachment, index) => {
      const { ifname, network, plugins, isStandIn } = attachment;
      const details = element(
        "details",
        { "data-ifname": ifname, style: `--c:var(--wire-${index % 6})` },
        element(
          "summary",
          {},
          element("span", { class: "ifname" }, ifname),
          element("span", { class: "network" }, isStandIn ? "the default network" : network),
          element("span", { class: "chain" }, isStandIn ? "" : plugins.map(({ type }) => type).join(" → ")),
        ),
        ...(isStandIn
          ? [element("p", { class: "note" }, "Its conf is not given: write it under Node.")]
          : plugins.map(({ type, stdin, args }) =>
              element(
                "div",
                { class: "plugin", role: "group", "aria-label": `${type} on ${ifname}` },
                element("h3", {}, type),
                block("stdin", stdin, true, doing),
                block("CNI_ARGS", args, false, doing),
              ),
            )),
      );
      details.open = isFirst ? index === attachments.length - 1 && index > 0 : open.has(ifname);
      return details;
    }),
  );
}

function networkStatus(explanation: Explanation | undefined, doing: Doing): void {
  const text = explanation?.networkStatus;
  byId("status-box").hidden = text === undefined;
  byId("status").replaceChildren(
    ...(text === undefined ? [] : [block("k8s.v1.cni.cncf.io/network-status", text, true, doing)]),
  );
}

function events(explanation: Explanation | undefined): void {
  const list = explanation?.events ?? [];
  byId("events-box").hidden = list.length === 0;
  byId("events").replaceChildren(
    ...list.map(({ type, reason, message }) =>
      element(
        "li",
        { class: type.toLowerCase() },
        element("span", { class: "type" }, type),
        element("span", { class: "reason" }, reason),
        element("span", { class: "message" }, message),
      ),
    ),
  );
}

/** A text with its name, and a button that copies it byte for byte. */
function block(name: string, text: string, isJson: boolean, doing: Doing): HTMLElement {
  const content = isJson
    ? indented(text).map(({ kind, text: token }) =>
        kind === "space" ? token : element("span", { class: `t-${kind}` }, token),
      )
    : text.split(";").flatMap((pair, index) => [index > 0 ? ";\u200b" : "", ...unknowns(pair)]);
  return element(
    "div",
    { class: "block" },
    element(
      "div",
      { class: "bar" },
      element("span", { class: "name" }, name),
      button("Copy", "small", () => doing.copy(text, name)),
    ),
    element("pre", { tabindex: "0", role: "group", "aria-label": name }, element("code", {}, ...content)),
  );
}

function unknowns(text: string): (string | HTMLElement)[] {
  return text
    .split(/(<[^<>]+>)/)
    .map((piece) => (piece.startsWith("<") ? element("span", { class: "t-unknown" }, piece) : piece));
}

function many(count: number, what: string): string {
  return `${count === 0 ? "No" : count} ${what}${count === 1 ? "" : "s"}`;
}
