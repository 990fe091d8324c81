// Makes the parts of tier embed: what the examples are built and run with.
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ensureBun, ensureDeno } from "../../scripts/provide/runtimes.ts";
import { ensureWabt } from "../../scripts/provide/wabt.ts";
import { ensureWazero } from "../../scripts/provide/wazero.ts";
import { setUp } from "../support/parts.ts";
import { noteParts } from "../support/ran.ts";
import { ensureTools } from "./checkout.ts";

export default setUp(() => {
  const chromium = ensureChromium();
  ensureTools();
  noteParts("embed", {
    Chromium: chromium,
    Go: [`${ensureWazero().bin}/go`, "version"],
    wasm2c: `${ensureWabt()}/usr/bin/wasm2c`,
    Deno: ensureDeno(),
    Bun: ensureBun(),
    gcc: "gcc",
    Python: "/usr/bin/python3",
  });
});
