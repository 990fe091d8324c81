// Pages in a real browser, as files: the playground, and the documentation's site.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ALONE } from "./alone.ts";

export const FILE = fileURLToPath(new URL("../../build/playground.html", import.meta.url));
export const SITE = fileURLToPath(new URL("../../build/site", import.meta.url));
const URL_OF_FILE = `file://${FILE}`;

export interface Look {
  width?: number;
  height?: number;
  scheme?: "light" | "dark";
}

interface Launched {
  page: Page;
  context: BrowserContext;
  /** Its directory, which goes when the browser has been closed. */
  profile: string;
}

async function launch({ width = 1440, height = 1000, scheme = "light" }: Look): Promise<Launched> {
  const profile = mkdtempSync(join(tmpdir(), "plexus-page-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: ensureChromium(),
    headless: true,
    args: ALONE,
    viewport: { width, height },
    colorScheme: scheme,
    offline: true,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  return { page: context.pages()[0] ?? (await context.newPage()), context, profile };
}

async function end({ context, profile }: Launched): Promise<void> {
  await context.close();
  rmSync(profile, { recursive: true, force: true });
}

/** The documentation's site, in `build/site`. */
export class Site {
  /** What went wrong in its pages. */
  readonly errors: string[] = [];

  private constructor(private readonly launched: Launched) {}

  static async open(look: Look = {}): Promise<Site> {
    const launched = await launch(look);
    const one = new Site(launched);
    const { page } = launched;
    page.setDefaultTimeout(10_000);
    page.on("pageerror", ({ message }) => one.errors.push(message));
    page.on("console", (message) => one.errors.push(message.text()));
    page.on("request", (request) => {
      if (!/^(file:\/\/.*\/build\/site\/|data:)/.test(request.url()))
        one.errors.push(`asks for ${request.url()}`);
    });
    await one.goto("index.html");
    return one;
  }

  get page(): Page {
    return this.launched.page;
  }

  async goto(place: string): Promise<void> {
    await this.page.goto(`file://${SITE}/${place}`);
  }

  /** Searches, and returns what is found, best first. */
  async search(words: string): Promise<{ title: string; where: string; href: string }[]> {
    await this.page.fill("#siteQuery", words);
    await this.page.waitForFunction(
      (asked) => document.querySelector<HTMLElement>("#siteResults")?.dataset.query === asked,
      words.trim(),
    );
    return this.page.locator("#siteResults a").evaluateAll((links) =>
      links.map((link) => ({
        title: link.querySelector("strong")?.textContent ?? "",
        where: link.querySelector(".where")?.textContent ?? "",
        href: link.getAttribute("href") ?? "",
      })),
    );
  }

  close(): Promise<void> {
    return end(this.launched);
  }
}

export class Playground {
  /** What went wrong in the page. */
  readonly errors: string[] = [];
  /** All that it has asked for, but itself. */
  readonly requests: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    readonly profile: string,
  ) {}

  static async open(look: Look = {}, fragment = ""): Promise<Playground> {
    const { page, context, profile } = await launch(look);
    const one = new Playground(page, context, profile);
    page.on("pageerror", ({ message }) => one.errors.push(message));
    page.on("console", (message) => one.errors.push(message.text()));
    page.on("dialog", (dialog) => {
      one.errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(URL_OF_FILE) && !url.startsWith("data:")) one.requests.push(url);
    });
    await page.goto(`${URL_OF_FILE}${fragment}`);
    await page.waitForSelector("#results[data-analysis]", { state: "attached" });
    return one;
  }

  close(): Promise<void> {
    return end(this);
  }

  /** Does something that changes the input, and waits until what will happen is shown for it. */
  async changing(act: () => Promise<unknown>): Promise<void> {
    const before = await this.page.getAttribute("#results", "data-analysis");
    await act();
    await this.page.waitForFunction(
      (old) => document.querySelector<HTMLElement>("#results")?.dataset.analysis !== old,
      before,
    );
    await this.page.waitForTimeout(50); // what the address says follows
  }

  choose(example: string): Promise<void> {
    return this.changing(() => this.page.selectOption("#example", example));
  }

  /** Replaces an editor's text, as a paste does. */
  async type(editor: "pod" | "networks" | "node", text: string): Promise<void> {
    await this.page.locator(`#${editor}-editor .cm-content`).focus();
    await this.page.keyboard.press("Control+A");
    await this.changing(async () => {
      await this.page.evaluate((pasted) => {
        const data = new DataTransfer();
        data.setData("text/plain", pasted);
        const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        document.activeElement?.dispatchEvent(event);
      }, text);
    });
  }

  async text(selector: string): Promise<string> {
    return (await this.page.locator(selector).innerText()).trim();
  }
}
