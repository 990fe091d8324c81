// No false error: NetworkAttachmentDefinitions, pods and confs of the shapes that manuals show, Multus's, sriov-cni's,
// whereabouts's, the reference plugins', KubeVirt's, OVN-Kubernetes's and the NVIDIA network operator's.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { loadLint } from "../support/core.ts";

const dir = new URL("../fixtures/lint/valid/", import.meta.url);
const core = loadLint();

test.each(readdirSync(dir))("%s: no input has an error", (file) => {
  const parts = readFileSync(new URL(file, dir), "utf8").split(/^=== /m).slice(1);
  expect(parts.length).toBeGreaterThan(3);
  for (const part of parts) {
    const [name = "", ...lines] = part.split("\n");
    const { located } = lintSources(core, [{ name, text: lines.join("\n") }], "default");
    const errors = located.filter(({ severity }) => severity === "error");
    expect([name, errors]).toEqual([name, []]);
  }
});
