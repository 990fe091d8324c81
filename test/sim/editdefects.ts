// Defects of hot-plug that are broken in on purpose: what finds them is histories with edits.
import type { Patch } from "./bundle.ts";
import { historyOf } from "./cases.ts";
import { plugged } from "./editcases.ts";
import type { History } from "./history.ts";

const LOOP = "launcher/hotplug/loop.ts";
const REPLUG = "launcher/hotplug/replug.ts";
const EXECUTOR = "launcher/resident/executor.ts";
const DECIDE = "launcher/hotplug/decide.ts";

const KINDS = { a: "bridge", b: "bridge", c: "bridge", d: "chain" } as const;
const WITH_X = '[{"name":"d"},{"name":"b","interface":"stay"},{"name":"b","interface":"x"}]';
const WITHOUT = '[{"name":"d","interface":"x"},{"name":"b","interface":"stay"}]';
const AS_BEFORE = '[{"name":"d","interface":"x"},{"name":"d"},{"name":"b","interface":"stay"}]';

export const EDIT_DEFECTS: { what: string; patches: Patch[]; by: "edits" | History }[] = [
  {
    what: "hot-plug does not note that it has begun to detach",
    patches: [
      {
        file: REPLUG,
        from: "    if (!noted.has(delegate.cacheFile)) await noteDetaching(call, delegate);\n",
        to: "",
      },
    ],
    by: {
      seed: 2843,
      setup: plugged('[{"name":"b","interface":"stay"},{"name":"d","interface":"x"},{"name":"d"}]', KINDS),
      steps: [
        { waitMs: 2_000, do: "ADD", container: 0 },
        { waitMs: 2_000, do: "edit", container: 0, annotation: WITHOUT },
        { waitMs: 5, do: "edit", container: 0, annotation: AS_BEFORE },
        { waitMs: 20, do: "resident process", what: "dies" },
      ],
    },
  },
  {
    what: "hot-plug names in the scratch file what it has attached, not what it is going to attach",
    patches: [{ file: REPLUG, from: "  await write(attach);\n", to: "" }],
    by: "edits",
  },
  {
    what: "hot-plug does not undo an attachment that fails",
    patches: [
      {
        file: "launcher/hotplug/plug.ts",
        from: "await undo(call, [delegate], { isKnown: true, refused })",
        to: "await undo(call, [], { isKnown: true, refused })",
      },
    ],
    by: "edits",
  },
  {
    what: "elements that have changed places change interfaces",
    patches: [
      {
        file: DECIDE,
        from: "const at = free.findIndex((other) => isAlike(one.delegate, other));",
        to: "const at = free.length > 0 ? 0 : -1;",
      },
    ],
    by: "edits",
  },
  {
    what: "an element that asks for another MAC address keeps the old one",
    patches: [{ file: DECIDE, from: 'JSON.stringify([asked ?? "", ', to: "JSON.stringify([" }],
    by: "edits",
  },
  {
    what: "an attachment that was begun, and has not ended, counts as one",
    patches: [{ file: DECIDE, from: "return result !== undefined && !", to: "return !" }],
    by: {
      seed: 1,
      setup: plugged('[{"name":"b","interface":"stay"},{"name":"d"}]', KINDS),
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 4_000, do: "edit", container: 0, annotation: WITH_X },
        { waitMs: 23, do: "resident process", what: "dies" },
      ],
    },
  },
  {
    what: "an edit while a job runs is forgotten",
    patches: [{ file: LOOP, from: "if (task.again) this.queue(pod, task);\n    else if", to: "if" }],
    by: "edits",
  },
  {
    what: "a job that has failed is not tried again",
    patches: [{ file: LOOP, from: "    if (!hands.isThere) {", to: "    if (hands !== undefined) {" }],
    by: "edits",
  },
  {
    what: "another executor is asked for nothing",
    patches: [{ file: LOOP, from: "hands.isThere && mine === this.executors;", to: "hands === undefined;" }],
    by: "edits",
  },
  {
    what: "a daemon that has died between attaching and saying so is not made up for",
    patches: [
      {
        file: "launcher/cluster/watch.ts",
        from: "this.changed(key, before === undefined);",
        to: "this.changed(key, false);",
      },
      { file: LOOP, from: "this.changed(pod, true);", to: "this.changed(pod);" },
    ],
    by: historyOf("network-status did not say what a daemon"),
  },
  {
    what: "a pod's user is told of the same reason with each try",
    patches: [{ file: LOOP, from: "isWorthIt && task.told !== fault.message", to: "isWorthIt" }],
    by: "edits",
  },
  {
    what: "pods that have ended get other networks",
    patches: [{ file: LOOP, from: "    if (!isRunning(namespace, name)) return;\n", to: "" }],
    by: "edits",
  },
  {
    what: "a pod that asks for another default network is not told that it does not get it",
    patches: [{ file: REPLUG, from: "  requireDefault(networks[0], attached);\n", to: "" }],
    by: "edits",
  },
  {
    what: "a pod that does not ask for its default network any more is not told that it keeps it",
    patches: [{ file: REPLUG, from: "  requireAsked(networks[0], attached);\n", to: "" }],
    by: "edits",
  },
  {
    what: "a job goes on beside a call of the runtime",
    patches: [
      {
        file: EXECUTOR,
        from: "return isSame && CHANGING.includes(verb);",
        to: "return false;",
      },
    ],
    by: {
      seed: 1,
      setup: plugged('[{"name":"b","interface":"stay"},{"name":"d"}]', KINDS),
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 4_000, do: "API server", outage: "slow", forMs: 5_000 },
        { waitMs: 0, do: "edit", container: 0, annotation: WITH_X },
        { waitMs: 400, do: "DEL", container: 0 },
      ],
    },
  },
  {
    what: "a job attaches beside a GC of the runtime",
    patches: [
      { file: EXECUTOR, from: "    this.collections.add(collection);\n", to: "" },
      {
        file: EXECUTOR,
        from: 'if (verb === "GC") return CHANGING',
        to: 'if (verb === "none") return CHANGING',
      },
    ],
    by: historyOf("a GC of the runtime took away what"),
  },
  {
    what: "network-status says nothing of what hot-plug has changed",
    patches: [
      {
        file: REPLUG,
        from: "const published = publish(call, pod, await placeRoutes(call, before, attachments));",
        to: "await placeRoutes(call, before, attachments); const published = Promise.resolve();",
      },
    ],
    by: "edits",
  },
];
