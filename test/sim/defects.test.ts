// The defects that are broken in can still be broken in. `npm run sim -- --defects` says what finds each.
import { expect, test } from "vitest";
import { bundle } from "./bundle.ts";
import { DEFECTS } from "./defects.ts";

test.each(DEFECTS)("a defect can be broken in: $what", async ({ patches }) => {
  await expect(bundle("defect", patches)).resolves.toContain("defect");
});
