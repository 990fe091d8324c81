// The pictures in docs/playground.md are of the page as it is: `npm run playground:images` takes them anew.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { type Look, Playground } from "./browser.ts";

const IMAGES = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const WRITES = process.env.WRITE_IMAGES === "1";
const dir = WRITES ? IMAGES : mkdtempSync(join(tmpdir(), "plexus-images-"));
afterAll(() => {
  if (!WRITES) rmSync(dir, { recursive: true });
});

interface State extends Look {
  example: string;
  /** Makes the state, beyond the example. */
  act?: (playground: Playground) => Promise<unknown>;
}

const open = (ifname: string) => async (playground: Playground) => {
  for (const details of await playground.page.locator("#inputs details").all()) {
    await details.evaluate((one: HTMLDetailsElement, name) => {
      one.open = one.dataset.ifname === name;
    }, ifname);
  }
};

const STATES: Record<string, State> = {
  "playground-light": { example: "macvlan", act: open("") },
  "playground-dark": { example: "sriov", scheme: "dark", act: open("net1") },
  "playground-findings": {
    example: "mistakes",
    act: async ({ page }) => {
      await page.locator(".cm-lintRange").first().hover();
      await page.waitForSelector(".cm-tooltip-lint");
    },
  },
  "playground-rule": {
    example: "mistakes",
    scheme: "dark",
    act: ({ page }) => page.locator("#findings button.rule").first().click(),
  },
  "playground-narrow": {
    example: "default-route",
    width: 420,
    height: 900,
    act: async ({ page }) => {
      await page.locator("#summary").evaluate((summary) => summary.scrollIntoView());
    },
  },
};

test.each(Object.entries(STATES))("%s is there, and small", async (name, { example, act, ...look }) => {
  const playground = await Playground.open({ height: 940, ...look });
  try {
    await playground.choose(example);
    await act?.(playground);
    await playground.page.evaluate(() => document.fonts.ready);
    const file = join(dir, `${name}.webp`);
    writeFileSync(file, await webp(playground, await playground.page.screenshot({ animations: "disabled" })));
    expect(statSync(file).size).toBeGreaterThan(8_000);
    expect(statSync(join(IMAGES, `${name}.webp`)).size).toBeLessThan(120_000);
  } finally {
    await playground.close();
  }
});

test("the documentation shows each of them, and no other", () => {
  const shown = readFileSync(new URL("../../docs/playground.md", import.meta.url), "utf8");
  const names = [...shown.matchAll(/\(images\/([\w-]+)\.webp\)/g)].map((match) => match[1]);
  const files = readdirSync(IMAGES).filter((name) => name.startsWith("playground-"));
  expect(names.sort()).toEqual(Object.keys(STATES).sort());
  expect(files.sort()).toEqual(
    Object.keys(STATES)
      .map((name) => `${name}.webp`)
      .sort(),
  );
});

/** Encodes a PNG as WebP, which is a third as large: the browser can. */
async function webp({ page }: Playground, png: Buffer): Promise<Buffer> {
  const url = await page.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
    canvas.getContext("2d")?.drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", 0.9);
  }, png.toString("base64"));
  return Buffer.from(url.slice(url.indexOf(",") + 1), "base64");
}
