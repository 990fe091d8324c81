// Makes the parts of tier embed: what the examples are built and run with.
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { setUp } from "../support/parts.ts";
import { ensureTools } from "./checkout.ts";

export default setUp(() => {
  ensureChromium();
  ensureTools();
});
