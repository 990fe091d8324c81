// The playground in a real browser, as a file.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ALONE } from "./alone.ts";

export const FILE = fileURLToPath(new URL("../../build/playground.html", import.meta.url));
const URL_OF_FILE = `file://${FILE}`;

export interface Look {
  width?: number;
  height?: number;
  scheme?: "light" | "dark";
}

export class Playground {
  /** What went wrong in the page. */
  readonly errors: string[] = [];
  /** All that it has asked for, but itself. */
  readonly requests: string[] = [];

  private constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
    private readonly profile: string,
  ) {}

  static async open(
    { width = 1440, height = 1000, scheme = "light" }: Look = {},
    fragment = "",
  ): Promise<Playground> {
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
    const page = context.pages()[0] ?? (await context.newPage());
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

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
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
