// Makes the parts of tier page: a browser, and the page.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  ensureChromium();
  const build = fileURLToPath(new URL("../../scripts/build/playground.ts", import.meta.url));
  execFileSync(process.execPath, [build], { stdio: "inherit" });
});
