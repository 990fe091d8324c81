// The documentation of a rule of lint, in a dialog: the page has it with it.
import { quotes } from "./editor.ts";
import { byId, element } from "./elements.ts";

/** Shows a rule. Where it came from has the focus again when it is closed. */
export function openRule(rule: string): void {
  const text = RULES[rule];
  if (!Object.hasOwn(RULES, rule) || text === undefined) return;
  byId("rule-title").textContent = rule;
  byId("rule-text").replaceChildren(...rendered(text));
  byId<HTMLDialogElement>("rule").showModal();
}

/** Renders what the rules' Markdown has, below its title: headings, paragraphs, code. */
function rendered(markdown: string): HTMLElement[] {
  const pieces = markdown.replace(/^# .*\n/, "").split(/^```\w*\n([\s\S]*?)\n```$/m);
  return pieces.flatMap((piece, index): HTMLElement[] => {
    if (index % 2 === 1) return [code(piece)];
    const blocks = piece.split(/\n\n/).map((block) => block.trim());
    return blocks
      .filter((block) => block !== "")
      .map((block) =>
        block.startsWith("## ")
          ? element("h3", {}, block.slice(3))
          : element("p", {}, ...quotes(block.replaceAll("\n", " "))),
      );
  });
}

function code(text: string): HTMLElement {
  return element("pre", { tabindex: "0", role: "group", "aria-label": "example" }, element("code", {}, text));
}
