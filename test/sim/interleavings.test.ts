// Whoever deals with a VF at the same time as another one: nobody takes it from him who has it, and both calls end well.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { ALL_INTERLEAVINGS } from "./interleavings.ts";
import { inThread } from "./threads.ts";

const script = bundle("interleavings");
const named = ALL_INTERLEAVINGS.map((of) => {
  const { before, calls, interruptions, kind, mode, nic } = of;
  const [one, other] = calls.map(({ verb, container }) =>
    verb === "GC" ? "GC" : `${verb} c${container + 1}`,
  );
  const times = interruptions === 1 ? "once" : "twice";
  return [`${mode}, ${nic}, ${kind}, ${before}: ${one} beside ${other}, interrupted ${times}`, of] as const;
});

test.concurrent.each(named)("%s, leaves the VF to one owner", async (name, of) => {
  const found: string[] = [];
  const totals = await inThread(await script, { play: "interleavings", of }, (report) => {
    if (report.is !== "violated") return undefined;
    const [first] = report.violations;
    found.push(`${first?.kind}: ${first?.text}; ${JSON.stringify(report.history)}`);
    return undefined;
  });
  console.log(`${name}: ${found.length} of ${totals.histories} orders violated`);
  expect(found).toEqual([]);
  expect(totals.histories).toBeGreaterThan(4);
});
