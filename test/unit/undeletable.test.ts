// What becomes of an attachment whose DEL fails.
import { expect, test } from "vitest";
import { type Circumstances, mildest, verdictOn } from "../../launcher/attach/undeletable.ts";

const first: Circumstances = {
  trouble: "plugin's error",
  addFailed: false,
  isNamespaceGone: false,
  tries: 1,
};

test.each<[string, Partial<Circumstances>, string]>([
  ["a plugin that answers with an error is tried again", {}, "retry"],
  ["a plugin that does not answer is tried again", { trouble: "no answer" }, "retry"],
  ["a plugin that is missing is waited for: it may just be upgraded", { trouble: "missing plugin" }, "retry"],
  ["a conf that is refused may be mended", { trouble: "refused conf" }, "retry"],
  [
    "if the namespace is gone too, only GC can help",
    { trouble: "missing plugin", isNamespaceGone: true },
    "orphan",
  ],
  ["the same for a refused conf", { trouble: "refused conf", isNamespaceGone: true }, "orphan"],
  [
    "a gone namespace is not a reason to stop trying a plugin that is there",
    { isNamespaceGone: true },
    "retry",
  ],
  ["a missing plugin keeps a pod for five DELs only", { trouble: "missing plugin", tries: 5 }, "orphan"],
  ["an error keeps a pod for twenty DELs only", { tries: 20 }, "orphan"],
  ["no answer keeps a pod for twenty DELs only", { trouble: "no answer", tries: 20 }, "orphan"],
  ["an attachment whose ADD failed too keeps a pod for no DEL", { addFailed: true }, "orphan"],
  ["the same if its conf is refused", { addFailed: true, trouble: "refused conf" }, "orphan"],
  ["but not before a plugin has answered", { addFailed: true, trouble: "no answer" }, "retry"],
])("%s", (_, circumstances, verdict) => {
  expect(verdictOn({ ...first, ...circumstances })).toBe(verdict);
});

test("of several troubles the one counts that may pass soonest", () => {
  expect(mildest(["refused conf", "no answer"])).toBe("no answer");
  expect(mildest(["missing plugin", "plugin's error"])).toBe("plugin's error");
  expect(mildest([undefined])).toBe("no answer");
});
