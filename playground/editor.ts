// An editor: YAML, which JSON is too, with findings under the letters that cause them.
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Mark } from "./analysis.ts";

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--key)" },
  { tag: [tags.string, tags.content, tags.attributeValue], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--muted)" },
  { tag: [tags.meta, tags.keyword, tags.typeName], color: "var(--accent)" },
]);

export class Editor {
  private readonly view: EditorView;

  /**
   * Makes an editor.
   *
   * @param parent what it is put into
   * @param label its name, for who does not see it
   * @param changed is told of each change that somebody makes
   * @param openRule shows the documentation of a rule
   */
  constructor(
    parent: HTMLElement,
    label: { id: string; describedBy: string },
    changed: () => void,
    private readonly openRule: (rule: string) => void,
  ) {
    this.view = new EditorView({
      parent,
      state: EditorState.create({
        extensions: [
          lineNumbers(),
          history(),
          drawSelection(),
          highlightActiveLine(),
          bracketMatching(),
          yaml(),
          syntaxHighlighting(COLOURS),
          lintGutter(),
          EditorView.lineWrapping,
          EditorState.tabSize.of(2),
          // Tab goes on to what follows, as everywhere in a page.
          keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
          EditorView.contentAttributes.of({
            "aria-labelledby": label.id,
            "aria-describedby": label.describedBy,
            tabindex: "0",
            spellcheck: "false",
            autocapitalize: "off",
            autocorrect: "off",
          }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) changed();
          }),
        ],
      }),
    });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  set text(text: string) {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text } });
  }

  mark(marks: readonly Mark[]): void {
    const { length } = this.view.state.doc;
    const diagnostics = marks.map((mark): Diagnostic => {
      const { from, to, severity, found, remedy } = mark;
      return {
        from: Math.min(from, length),
        to: Math.min(to, length),
        severity: severity === "note" ? "info" : severity,
        message: `${found}; ${remedy}`,
        renderMessage: () => this.tooltip(mark),
      };
    });
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** Puts the cursor at a place, and the focus here. */
  goTo(from: number): void {
    const anchor = Math.min(from, this.view.state.doc.length);
    this.view.dispatch({
      selection: { anchor },
      effects: EditorView.scrollIntoView(anchor, { y: "center" }),
    });
    this.view.focus();
  }

  private tooltip({ found, remedy, rule }: Mark): Node {
    const whole = document.createElement("div");
    whole.className = "tip";
    const [what, how] = [document.createElement("p"), document.createElement("p")];
    what.append(...quotes(found));
    how.append(...quotes(remedy));
    how.className = "remedy";
    const link = document.createElement("button");
    link.className = "rule";
    link.textContent = rule;
    link.onclick = () => this.openRule(rule);
    whole.append(what, how, link);
    return whole;
  }
}

/** Returns text in which what stands between backquotes is code. */
export function quotes(text: string): Node[] {
  return text.split(/`([^`]*)`/).map((piece, index) => {
    if (index % 2 === 0) return document.createTextNode(piece);
    const code = document.createElement("code");
    code.textContent = piece;
    return code;
  });
}
