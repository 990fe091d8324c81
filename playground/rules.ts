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

/** Renders what the rules' Markdown has: headings, paragraphs, code. */
function rendered(markdown: string): HTMLElement[] {
  const [, ...blocks] = markdown.split(/\n(?=## |```)|(?<=\n```)\n|\n\n/);
  return blocks.flatMap((block): HTMLElement[] => {
    const text = block.trim();
    if (text === "") return [];
    if (text.startsWith("## ")) return [element("h3", {}, text.slice(3))];
    const code = /^```\w*\n([\s\S]*?)\n?```$/.exec(text)?.[1];
    if (code === undefined) return [element("p", {}, ...quotes(text.replaceAll("\n", " ")))];
    return [
      element("pre", { tabindex: "0", role: "group", "aria-label": "example" }, element("code", {}, code)),
    ];
  });
}
