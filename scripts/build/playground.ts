// Builds the playground: one HTML file with everything in it, build/playground.html. `--open` opens it.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync, gzipSync } from "node:zlib";
import { build, transformSync } from "esbuild";

const root = join(import.meta.dirname, "../..");
const output = join(root, "build/playground.html");
const source = (path: string) => fs.readFileSync(join(root, path), "utf8");

/** What the code that attaches pods has of Node, and never calls here. */
const WITHOUT_NODE = {
  "node:path": `
    export const basename = (path) => path.slice(path.lastIndexOf("/") + 1);
    export const dirname = (path) => path.slice(0, Math.max(0, path.lastIndexOf("/"))) || (path[0] === "/" ? "/" : ".");
    export const extname = (path) => /[^/](\\.[^./]*)$/.exec(path)?.[1] ?? "";`,
  "node:fs": "export const readFileSync = undefined;",
  "node:sea": "export const getRawAsset = undefined; export const isSea = undefined;",
  "node:vm": "export const Script = undefined;",
} as const;

await make();

async function make(): Promise<void> {
  const script = await bundled();
  const style = transformSync(source("playground/style.css"), { loader: "css", minify: true }).code;
  const hash = createHash("sha256").update(script).digest("base64");
  const parts: Record<string, string> = {
    // Nothing is fetched, whatever is in the page; "wasm-unsafe-eval" is what compiling the core takes.
    policy: `default-src 'none'; script-src 'sha256-${hash}' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`,
    version: (JSON.parse(source("package.json")) as { version: string }).version,
    style: style.trim(),
    core: packed("core.wasm"),
    lint: packed("lint.wasm"),
    script,
  };
  const html = source("playground/index.html").replaceAll(
    /(?:\/\*)?\{\{(\w+)\}\}(?:\*\/)?/g,
    (_, name: string) => {
      const part = parts[name];
      if (part === undefined) throw new Error(`playground/index.html: there is no ${name}`);
      return part;
    },
  );
  fs.writeFileSync(output, html);
  const size = gzipSync(html, { level: 9 }).length;
  console.log(`${output}  ${Math.round(html.length / 1000)} kB, ${Math.round(size / 1000)} kB compressed`);
  if (process.argv.includes("--open"))
    spawnSync("xdg-open", [pathToFileURL(output).href], { stdio: "ignore" });
}

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["playground/page.ts"],
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    platform: "browser",
    target: "es2022",
    mainFields: ["browser", "module", "main"],
    conditions: ["browser"],
    legalComments: "none",
    define: {
      "import.meta.dirname": '""',
      EXAMPLES: JSON.stringify(texts("playground/examples", ".txt")),
      RULES: JSON.stringify(texts("docs/rules", ".md")),
    },
    plugins: [
      {
        name: "without-node",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: "without-node" }));
          onLoad({ filter: /.*/, namespace: "without-node" }, ({ path }) => {
            const contents = WITHOUT_NODE[path as keyof typeof WITHOUT_NODE];
            return contents === undefined
              ? { errors: [{ text: `${path} is not in a browser` }] }
              : { contents };
          });
        },
      },
    ],
    logLevel: "warning",
  });
  const script = (outputFiles[0]?.text ?? "").trim();
  // esbuild escapes the one, and nobody the other: it would change where the script ends.
  if (/<\/script|<!--/i.test(script)) throw new Error("the script has what ends it in a page");
  return script;
}

/** File names without their end -> texts. */
function texts(dir: string, end: string): Record<string, string> {
  const names = fs.readdirSync(join(root, dir)).filter((name) => name.endsWith(end));
  return Object.fromEntries(names.map((name) => [basename(name, end), source(`${dir}/${name}`)]));
}

function packed(name: string): string {
  return deflateRawSync(fs.readFileSync(join(root, "build", name)), { level: 9 }).toString("base64");
}
