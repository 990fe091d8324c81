// Wherever a call is cut off, what follows leaves nothing, and attaches what it is to attach.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { ALL_CRASHES, type Crashes } from "./crashes.ts";
import { knownClass } from "./known.ts";
import { inThread } from "./threads.ts";

const script = bundle("crashes");

test.concurrent.each(ALL_CRASHES)(
  "$mode, $attach: an ADD is cut off at every step, then $sequel",
  async (crashes: Crashes) => {
    const found: string[] = [];
    const totals = await inThread(await script, { play: "crashes", crashes, limit: 5 }, (report) => {
      if (report.is !== "violated") return undefined;
      for (const violation of report.violations) {
        if (!knownClass(violation))
          found.push(`${violation.kind}: ${violation.text}; ${JSON.stringify(report.history)}`);
      }
    });
    console.log(
      `${crashes.mode}, ${crashes.attach}, ${crashes.sequel}: ${totals.histories} histories, ${totals.calls} calls`,
    );
    expect(found).toEqual([]);
    expect(totals.histories).toBeGreaterThan(100);
  },
);
