import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const facts = (conf: object, plugins?: string[]) =>
  operations.describe.output.parse(
    core.describe({ conf: JSON.stringify(conf), source: "the test", ...(plugins ? { plugins } : {}) }),
  );

describe("describe", () => {
  test("tells a conf from a conflist, and what it would execute", () => {
    expect(facts({ cniVersion: "0.4.0", name: "a", type: "bridge" })).toMatchObject({
      name: "a",
      cniVersion: "0.4.0",
      list: false,
      plugins: ["bridge"],
    });
    const list = { name: "l", loadOnlyInlinedPlugins: "true", plugins: [{ type: "x" }, { type: "y" }] };
    expect(facts(list)).toMatchObject({ list: true, loadOnlyInlinedPlugins: true, plugins: ["x", "y"] });
  });

  test("appends the plugins of a subdirectory, byte for byte, also if the conflist has none of its own", () => {
    const plugin = '{ "type":"tuning", "big":9007199254740993 }';
    expect(facts({ name: "l", plugins: [{ type: "x" }] }, [plugin]).conf).toBe(
      `{"name":"l","plugins":[{"type":"x"},${plugin}]}`,
    );
    expect(facts({ name: "l" }, [plugin])).toMatchObject({
      conf: `{"name":"l","plugins":[${plugin}]}`,
      plugins: ["tuning"],
    });
  });

  test("refuses to append anything but a plugin, or to a conf that is not a list", () => {
    expect(faultOf(() => facts({ name: "l", plugins: [{ type: "x" }] }, ["{"])).code).toBe(6);
    expect(faultOf(() => facts({ name: "l", plugins: [{ type: "x" }] }, ['{"type":"/bin/sh"}'])).code).toBe(
      7,
    );
    expect(faultOf(() => facts({ name: "a", type: "x" }, ['{"type":"y"}'])).message).toContain(
      "only a conflist",
    );
  });

  test("refuses a list that may only have inlined plugins and has none", () => {
    expect(faultOf(() => facts({ name: "l", loadOnlyInlinedPlugins: true })).message).toContain(
      "there are no `plugins`",
    );
  });
});
