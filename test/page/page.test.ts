// The playground as its users have it: a file, in a browser, without a network.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { AxeBuilder } from "@axe-core/playwright";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { FILE, Playground } from "./browser.ts";

const EXAMPLES = readdirSync(new URL("../../playground/examples", import.meta.url))
  .map((name) => name.replace(/\.txt$/, ""))
  .sort();
const CLEAN = EXAMPLES.filter((name) => name !== "mistakes");

let playground: Playground;
beforeAll(async () => {
  playground = await Playground.open();
});
afterAll(() => playground.close());
afterEach(() => {
  expect(playground.errors.splice(0)).toEqual([]);
  expect(playground.requests.splice(0)).toEqual([]);
});

const pod = (networks: string, name = "p") =>
  `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": ${JSON.stringify(name)}, "annotations": ` +
  `{"k8s.v1.cni.cncf.io/networks": ${JSON.stringify(networks)}}}}`;

async function violations({ page }: Playground) {
  const { violations: found } = await new AxeBuilder({ page }).setLegacyMode().analyze();
  return found.map(({ id, nodes }) => [
    id,
    nodes.map(({ html, failureSummary }) => [html.slice(0, 200), failureSummary]),
  ]);
}

test("it is one file of less than 300 KB compressed, that can load nothing else", () => {
  const html = readFileSync(FILE);
  expect(gzipSync(html, { level: 9 }).length).toBeLessThan(300_000);
  expect(html.toString()).toContain("default-src 'none'");
});

describe("the examples", () => {
  test.each(CLEAN)("%s has no finding, and is drawn", async (example) => {
    await playground.choose(example);
    expect(await playground.text("#summary")).toMatch(/^[2-9] interfaces will be attached. No findings.$/);
    expect(await playground.page.locator("#findings-box").isVisible()).toBe(false);
    const count = await playground.page.locator("#picture .pp-row").count();
    expect(count).toBe(await playground.page.locator("#inputs details").count());
    expect(await playground.page.locator("#picture svg").getAttribute("aria-label")).toContain(
      `${count} interfaces`,
    );
    expect(JSON.parse(await playground.text("#status pre"))).toHaveLength(count);
  });

  test("the one with mistakes has each of them under the letters that cause it", async () => {
    await playground.choose("mistakes");
    const marked = await playground.page.locator(".cm-lintRange").allInnerTexts();
    const [pod, network] = [['"ip"', '"storge"', '"a-very-long-name"'], [","]];
    expect(marked).toEqual([...pod, ...network, '"clusterNetwrok"', '"delegates"', '"plexus"']);
    expect(await playground.text("#summary")).toBe(
      "The ADD fails: nothing is attached. 5 errors, 2 warnings.",
    );
    expect(await playground.text("#findings")).toContain(
      "ip is not a key of a network selection element; write ips",
    );
  });
});

describe("what a plugin is given", () => {
  test("is its stdin and CNI_ARGS, byte for byte when they are copied", async () => {
    await playground.choose("macvlan");
    const conf = '{"cniVersion": "1.0.0",  "type": "macvlan", "master": "ens8", "big": 12345678901234567890}';
    await playground.type(
      "networks",
      `{"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": {"name": "a"}, "spec": {"config": ${JSON.stringify(conf)}}}`,
    );
    await playground.type("pod", pod('[{"name": "a", "mac": "02:11:22:33:44:55"}]'));
    const { page } = playground;
    await page
      .locator("#inputs details")
      .nth(1)
      .evaluate((details: HTMLDetailsElement) => {
        details.open = true;
      });
    const plugin = page.getByRole("group", { name: "macvlan on net1" });
    await plugin.getByRole("button", { name: "Copy" }).first().click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      '{"cniVersion": "1.0.0",  "type": "macvlan", "master": "ens8", "big": 12345678901234567890,"name":"a"}',
    );
    expect(await plugin.innerText()).toContain("12345678901234567890");
    expect(await plugin.innerText()).toContain("MAC=02:11:22:33:44:55");
    expect(await playground.text("#findings")).toContain('"capabilities": {"mac": true}');
  });
});

describe("a link", () => {
  test("carries the input", async () => {
    await playground.choose("sriov");
    await playground.type("pod", pod("core/n3@ünïcode"));
    await playground.page.click("#link");
    await playground.page.waitForSelector("#message:text-is('The link is copied.')");
    const link = await playground.page.evaluate(() => navigator.clipboard.readText());
    expect(link.length).toBeLessThan(2500);
    const other = await Playground.open({}, link.slice(link.indexOf("#")));
    try {
      for (const editor of ["pod", "networks", "node"]) {
        const selector = `#${editor}-editor .cm-content`;
        expect(await other.text(selector)).toBe(await playground.text(selector));
      }
      expect(other.errors).toEqual([]);
    } finally {
      await other.close();
    }
  });

  test.each([
    ["not deflated", "#1.AAAA"],
    ["empty", "#1."],
    ["of another version", "#2.x"],
    ["not in base64", "#%00"],
    ["long and not deflated", `#1.${"A".repeat(9000)}`],
  ])("that is %s says so, and changes nothing", async (_, fragment) => {
    const before = await playground.text("#pod-editor .cm-content");
    await playground.page.evaluate((hash) => {
      location.hash = hash;
    }, fragment);
    await playground.page.waitForFunction(() =>
      document.querySelector("#message")?.classList.contains("shown"),
    );
    expect(await playground.text("#message")).toMatch(/^This link cannot be used: /);
    expect(await playground.text("#pod-editor .cm-content")).toBe(before);
  });

  test("that would become gigabytes is refused", async () => {
    const bomb = await playground.page.evaluate(async () => {
      const zeros = new Blob([new Uint8Array(64 << 20)])
        .stream()
        .pipeThrough(new CompressionStream("deflate-raw"));
      const bytes = new Uint8Array(await new Response(zeros).arrayBuffer());
      return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
    });
    const link = `#1.${bomb.replaceAll("+", "-").replaceAll("/", "_")}`;
    await playground.page.evaluate((hash) => {
      location.hash = hash;
    }, link);
    await playground.page.waitForFunction(() =>
      document.querySelector("#message")?.textContent?.includes("not whole"),
    );
  });
});

describe("for everybody", () => {
  const shown = async (of: Playground) => {
    for (const details of await of.page.locator("#inputs details").all()) {
      await details.evaluate((one: HTMLDetailsElement) => {
        one.open = true;
      });
    }
  };

  test.each([
    ["light", 1440],
    ["dark", 1440],
    ["light", 390],
    ["dark", 390],
  ] as const)("no violation is found by axe: %s, %i wide", async (scheme, width) => {
    const own = await Playground.open({ scheme, width });
    try {
      for (const example of width === 1440 && scheme === "light" ? EXAMPLES : ["sriov"]) {
        await own.choose(example);
        await shown(own);
        expect([example, await violations(own)]).toEqual([example, []]);
      }
      await own.choose("mistakes");
      await own.page.locator("#findings button.rule").first().click();
      expect(["rule", await violations(own)]).toEqual(["rule", []]);
      await own.page.keyboard.press("Escape");
      await own.page.locator(".cm-lintRange").first().hover();
      await own.page.waitForSelector(".cm-tooltip-lint");
      expect(["tooltip", await violations(own)]).toEqual(["tooltip", []]);
      await own.type("pod", "");
      await own.type("node", "");
      expect(["empty", await violations(own)]).toEqual(["empty", []]);
      await own.page.click("#theme");
      await own.choose("mistakes");
      expect(["switched", await violations(own)]).toEqual(["switched", []]);
      const hidden = await own.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(hidden).toBeLessThanOrEqual(0);
    } finally {
      await own.close();
    }
  });

  test("the keyboard reaches all of it, in the order in which it is read, and leaves the editors", async () => {
    const own = await Playground.open(); // nothing has the focus
    await own.choose("mistakes");
    const { page } = own;
    const reached: string[] = [];
    for (let count = 0; count < 40; count++) {
      await page.keyboard.press("Tab");
      const name = await page.evaluate(() => {
        const at = document.activeElement;
        if (at === null || at === document.body) return "end";
        return at.id || at.closest(".code")?.id || `${at.className} ${at.textContent}`.trim();
      });
      if (name === "end") break;
      if (reached.at(-1) !== name) reached.push(name);
    }
    await own.close();
    expect(reached.slice(0, 10)).toEqual([
      "skip",
      "example",
      "link",
      "theme",
      "pod-editor",
      "networks-editor",
      "node-editor",
      "link Pod, line 8",
      "rule unknown-key",
      "link Pod, line 9",
    ]);
  });

  test("a finding leads to its place, and its rule to its documentation and back", async () => {
    await playground.choose("mistakes");
    const { page } = playground;
    const focus = () =>
      page.evaluate(() => document.activeElement?.closest(".code")?.id ?? document.activeElement?.className);
    await page.getByRole("button", { name: "Networks, line 11" }).press("Enter");
    expect(await focus()).toBe("networks-editor");
    await page.getByRole("button", { name: "trailing-comma" }).press("Enter");
    expect(await playground.text("#rule")).toMatch(/^trailing-comma\s/);
    expect(await page.locator("#rule h3").allInnerTexts()).toEqual(["Bad", "Good"]);
    expect(await page.locator("#rule pre").count()).toBe(2);
    expect(await playground.text("#rule")).not.toContain("`");
    await page.keyboard.press("Escape");
    expect(await page.locator("#rule").isVisible()).toBe(false);
    expect(await focus()).toBe("rule");
  });

  test("what changes is read out", async () => {
    await playground.choose("dpdk");
    expect(await playground.page.locator("[role=status]#summary").innerText()).toContain("3 interfaces");
  });

  test("every rule that lint has can be read in the page", async () => {
    const rules = readdirSync(new URL("../../docs/rules", import.meta.url)).map((name) =>
      name.replace(/\.md$/, ""),
    );
    const html = readFileSync(FILE, "utf8");
    const missing = rules.filter((rule) => !html.includes(`# ${rule}\n`) && !html.includes(`# ${rule}\\n`));
    expect(missing).toEqual([]);
  });
});

describe("whatever is typed", () => {
  const HOSTILE = "</text></script><img src=x onerror=alert(1)><svg onload=alert(2)>\"'`&lt;";

  test("names that are markup are text", async () => {
    await playground.choose("macvlan");
    const conf = JSON.stringify({
      cniVersion: "1.0.0",
      type: "macvlan",
      master: HOSTILE,
      ipam: { type: HOSTILE },
    });
    const nad = { apiVersion: "k8s.cni.cncf.io/v1", kind: "NetworkAttachmentDefinition" };
    await playground.type(
      "networks",
      JSON.stringify({ ...nad, metadata: { name: "a" }, spec: { config: conf } }),
    );
    await playground.type("pod", pod("a", HOSTILE));
    const { page } = playground;
    expect(await page.locator("#results img, #results script, #picture [onload]").count()).toBe(0);
    expect(await playground.text("#picture")).toContain("</text>");
    for (const text of [HOSTILE, `{"kind": "Pod", "${HOSTILE.replaceAll('"', "")}": 1}`, `'${HOSTILE}`]) {
      for (const editor of ["pod", "networks", "node"] as const) await playground.type(editor, text);
      expect(await page.locator("#results img, #results script").count()).toBe(0);
    }
  });

  test("a megabyte is taken, and the next text is looked at", async () => {
    await playground.choose("macvlan");
    const many = Array.from(
      { length: 20_000 },
      (_, index) => `{"name": "network-number-${index}", "ip": []}`,
    );
    await playground.type("pod", pod(`[${many.join(",")}]`));
    expect(await playground.text("#summary")).toContain("and more");
    await playground.type("pod", "a: ".repeat(300_000));
    await playground.type("pod", `${"[".repeat(200_000)}`);
    await playground.type("pod", "- &a [x]\n".concat("- [*a, *a]\n".repeat(2_000)));
    await playground.choose("macvlan");
    expect(await playground.text("#summary")).toContain("3 interfaces");
  });
});
