// Where tests get a browser from: Debian's Chromium, which is installed, with the fonts that pictures of the page are made in.
import { ensurePackages } from "./debian.ts";

/** Returns the path of Chromium. */
export function ensureChromium(): string {
  ensurePackages(["chromium", "fonts-inter", "fonts-jetbrains-mono"]);
  return "/usr/bin/chromium";
}
