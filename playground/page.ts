// The playground: three editors, and what will happen.
import { Core } from "../packages/core/index.ts";
import { type Analysis, analyse, type Cores, EDITORS, type Input } from "./analysis.ts";
import { Editor } from "./editor.ts";
import { byId, element } from "./elements.ts";
import { type Example, readExample } from "./examples.ts";
import { embedded, fragmentOf, inputOf } from "./link.ts";
import { type Doing, showAll, showFailure } from "./panels.ts";
import { openRule } from "./rules.ts";

/** A pause in typing, in milliseconds. */
const PAUSE_MS = 180;
/** How long a short message stays. */
const MESSAGE_MS = 4000;
const THEME = "plexus-playground-theme";

const examples = Object.entries(EXAMPLES).map(([id, text]) => readExample(id, text));
const editors = Object.fromEntries(
  EDITORS.map((name) => {
    const label = { id: `${name}-title`, describedBy: `${name}-hint` };
    return [name, new Editor(byId(`${name}-editor`), label, changed, openRule)];
  }),
) as Record<keyof Input, Editor>;

const doing: Doing = {
  goTo: ({ editor, from }) => editors[editor].goTo(from),
  openRule,
  copy: (text, what) => void copy(text, `${what} is copied.`),
};

let cores: Cores | undefined;
let waiting: ReturnType<typeof setTimeout> | undefined;
/** The analysis that was begun last: what an earlier one finds is of no use any more. */
let latest = 0;
let shown: Analysis | undefined;
/** The fragment that this page has written itself. */
let ownFragment = "";

async function start(): Promise<void> {
  themes();
  byId("link").addEventListener("click", () => void share());
  byId("rule-close").addEventListener("click", () => byId<HTMLDialogElement>("rule").close());
  chooser();
  const [core, lint] = await Promise.all(["core", "lint"].map((id) => embedded(byId(id).textContent ?? "")));
  if (core && lint) cores = { core: new Core(core), lint: new Core(lint) };
  await open();
  window.addEventListener("hashchange", () => void open());
  new ResizeObserver(() => shown && showAll(shown, doing)).observe(byId("results"));
}

/** Shows the input of the link, or else the first example. */
async function open(): Promise<void> {
  const fragment = location.hash.slice(1);
  if (fragment !== "" && fragment === ownFragment) return;
  try {
    const input = await inputOf(fragment);
    if (input) set(input);
    else if (shown === undefined) choose(examples[0]);
  } catch (error) {
    say(`This link cannot be used: ${(error as Error).message}.`);
    if (shown === undefined) choose(examples[0]);
  }
}

function set(input: Input): void {
  for (const name of EDITORS) editors[name].text = input[name];
}

function choose(example: Example | undefined): void {
  if (example === undefined) return;
  set(example.input);
  byId<HTMLSelectElement>("example").value = example.id;
}

function chooser(): void {
  const select = byId<HTMLSelectElement>("example");
  select.append(...examples.map(({ id, title }) => element("option", { value: id }, title)));
  select.addEventListener("change", () => choose(examples.find(({ id }) => id === select.value)));
}

function changed(): void {
  clearTimeout(waiting);
  waiting = setTimeout(() => void update(), PAUSE_MS);
}

async function update(): Promise<void> {
  if (cores === undefined) return;
  const number = ++latest;
  const input = { pod: editors.pod.text, networks: editors.networks.text, node: editors.node.text };
  const same = examples.find(({ input: one }) => EDITORS.every((name) => one[name] === input[name]));
  byId<HTMLSelectElement>("example").value = same?.id ?? "";
  try {
    const analysis = await analyse(cores, input);
    if (number !== latest) return;
    shown = analysis;
    for (const name of EDITORS) editors[name].mark(analysis.marks.filter(({ editor }) => editor === name));
    showAll(analysis, doing);
  } catch (error) {
    shown = undefined;
    for (const name of EDITORS) editors[name].mark([]);
    showFailure(`This input cannot be looked at: ${(error as Error).message}.`);
  }
  byId("results").dataset.analysis = String(number);
  await carry(input);
}

/** Puts the input into the address, so that it is there after a reload. */
async function carry(input: Input): Promise<string | undefined> {
  const fragment = await fragmentOf(input);
  if (fragment === undefined) return undefined;
  ownFragment = fragment;
  history.replaceState(null, "", `#${fragment}`);
  return location.href;
}

async function share(): Promise<void> {
  const input = { pod: editors.pod.text, networks: editors.networks.text, node: editors.node.text };
  const link = await carry(input);
  if (link === undefined) say("The input is too large for a link.");
  else await copy(link, "The link is copied.");
}

async function copy(text: string, done: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    say("The browser does not let this page copy; the link is in its address.");
  }
}

/** Says something for a moment. */
function say(message: string): void {
  const box = byId("message");
  box.textContent = message;
  box.classList.add("shown");
  setTimeout(() => box.textContent === message && box.classList.remove("shown"), MESSAGE_MS);
}

/** Dark or light, as the system has it, until somebody says otherwise. */
function themes(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const current = () => document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
  const show = () => {
    const isDark = current() === "dark";
    button.setAttribute("aria-pressed", String(isDark));
  };
  const kept = remembered();
  if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
  button.addEventListener("click", () => {
    const theme = current() === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    remember(theme);
    show();
  });
  dark.addEventListener("change", show);
  show();
}

/** A page that is a file may have no storage. */
function remembered(): string | null {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null;
  }
}

function remember(theme: string): void {
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // It lasts as long as the page.
  }
}

void start();
