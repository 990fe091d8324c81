// Executes a program of this project on the Node.js that npm has installed for it, whichever npm itself runs on:
// `node scripts/node.mjs PROGRAM [ARGUMENT ...]`. npm 9 takes the link to it in node_modules/.bin away again, together
// with the package for the other architecture, which has the same link.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL(`../node_modules/node-linux-${process.arch}/bin`, import.meta.url));
const node = join(bin, "node");
if (!existsSync(node)) {
  console.error(`There is no ${node}: run \`npm ci\`, with optional dependencies, on Linux on x64 or arm64.`);
  process.exit(1);
}
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
const child = spawn(node, process.argv.slice(2), { stdio: "inherit", env });
// A terminal's signals reach both, and it is the program that knows how to end.
for (const signal of ["SIGINT", "SIGHUP"]) process.on(signal, () => undefined);
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("close", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
