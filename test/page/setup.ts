// Makes the parts of tier page: a browser, the playground, and the documentation's site.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  ensureChromium();
  for (const script of ["build/playground.ts", "site/build.ts"]) {
    const build = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url));
    execFileSync(process.execPath, [build], { stdio: "inherit" });
  }
});
