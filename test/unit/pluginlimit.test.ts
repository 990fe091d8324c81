import { expect, test } from "vitest";
import { withPluginLimit } from "../../launcher/attach/pluginlimit.ts";
import type { Settings } from "../../packages/core/index.ts";

test.each([
  [0, 60],
  [30, 30],
  [60, 60],
  [86_400, 60],
])("a conf that gives a plugin %i s (0: no limit) gives it %i s where a minute is the most", (own, most) => {
  const settings = { cniDir: "/d", delegateTimeoutSeconds: own } as Settings;
  expect(withPluginLimit(settings, 60)).toEqual({ cniDir: "/d", delegateTimeoutSeconds: most });
});
