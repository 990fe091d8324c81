// Defects that are broken in on purpose, one a part: the simulator is worth what it finds.
import type { Patch } from "./bundle.ts";
import { historyOf, inOutage } from "./cases.ts";
import type { Crashes } from "./crashes.ts";
import { EDIT_DEFECTS } from "./editdefects.ts";
import type { History } from "./history.ts";

export interface Defect {
  /** What is wrong then. */
  what: string;
  patches: Patch[];
  /** What finds it: histories by their seeds, from 1 on, plain or with edits, cutting off at every step, or one that chance makes too seldom. */
  by: "seeds" | "edits" | Crashes | History;
  /** Violations, as `kind: text`, that show it although they are of a kind that is known anyway. */
  shownBy?: RegExp;
}

const POWER_LOSS: Crashes = { mode: "one-shot", attach: "sequential", sequel: "power loss, DEL" };
const CUT_OFF_TWICE: Crashes = { mode: "one-shot", attach: "sequential", sequel: "ADD, DEL" };

const FILES = "launcher/host/files.ts";
const ADD = "launcher/attach/add.ts";
const DEL = "launcher/attach/del.ts";
const GC = "launcher/attach/gc.ts";
const ADMISSION = "launcher/resident/admission.ts";
const STATE = "launcher/state/state.ts";

export const DEFECTS: Defect[] = [
  {
    what: "a file is renamed before its content is synced",
    patches: [{ file: FILES, from: "inFull([disk.sync(opened), ", to: "inFull([" }],
    by: POWER_LOSS,
  },
  {
    what: "the directory of a file that was renamed is not synced",
    patches: [{ file: FILES, from: "  await disk.syncDirectory(dirname(path));\n", to: "" }],
    by: POWER_LOSS,
  },
  {
    what: "a directory that was made is not synced",
    patches: [{ file: FILES, from: "durable.require(dirname(path))", to: "Promise.resolve()" }],
    by: POWER_LOSS,
  },
  {
    what: "a file is written in place",
    patches: [
      {
        file: FILES,
        from: "await nameTemporary(dirname(path)), path",
        to: "(await nameTemporary(dirname(path)), path), path",
      },
    ],
    by: CUT_OFF_TWICE,
  },
  {
    what: "temporary files of a process that was killed stay after DEL",
    patches: [
      {
        file: STATE,
        from: "Promise.all(dirs.map(",
        to: "Promise.all(dirs.slice(dirs.length).map(",
      },
    ],
    by: CUT_OFF_TWICE,
  },
  {
    what: "the scratch file is written when all is attached",
    patches: [
      { file: ADD, from: "  await state.writeScratch(runtime.containerId, plan.scratch);\n", to: "" },
      {
        file: ADD,
        from: "    await Promise.all(written);\n",
        to: "    await Promise.all(written);\n    await state.writeScratch(runtime.containerId, plan.scratch);\n",
      },
    ],
    by: CUT_OFF_TWICE,
  },
  {
    what: "an ADD does not undo what an earlier one has left",
    patches: [{ file: ADD, from: "  if (delegates.length > 0) {", to: "  if (delegates.length > 99) {" }],
    by: CUT_OFF_TWICE,
  },
  {
    what: "an ADD does not wait until its result cache is written",
    patches: [{ file: ADD, from: "    await Promise.all(written);\n", to: "" }],
    by: "seeds",
  },
  {
    what: "the result cache is not made to last before the ADD is answered",
    patches: [{ file: ADD, from: "    await state.settleCaches(", to: "    Promise.resolve(" }],
    by: "seeds",
    shownBy: /^add-without-state/,
  },
  {
    what: "the delegate that failed is not undone",
    patches: [{ file: ADD, from: "begun.has(delegate)", to: "attached.has(delegate)" }],
    by: "seeds",
  },
  {
    what: "what was attached is undone in the order in which it was attached",
    patches: [
      {
        file: DEL,
        from: "const reversed = [...delegates].reverse();",
        to: "const reversed = [...delegates];",
      },
    ],
    by: "seeds",
  },
  {
    what: "the name of a file of the result cache is another one at DEL",
    patches: [
      {
        file: DEL,
        from: "await state.removeCache(delegate.cacheFile)",
        to: "await state.removeCache('other-' + delegate.cacheFile)",
      },
    ],
    by: "seeds",
  },
  {
    what: "the scratch file goes although a delegate could not be deleted",
    patches: [
      {
        file: DEL,
        from: "const fault = Fault.all(await undo(call, delegates, { isKnown: any }));",
        to: "await undo(call, delegates, { isKnown: any }); const fault = Fault.all([]);",
      },
    ],
    by: "seeds",
  },
  {
    what: "an attachment that cannot be deleted is forgotten, not kept as an orphan",
    patches: [
      {
        file: DEL,
        from: "  await orphan(call, delegate,",
        to: "  if (delegate === undefined) await orphan(call, delegate,",
      },
    ],
    by: "seeds",
    shownBy: /^left-after-del.*(address|link) /,
  },
  {
    what: "an attachment that cannot be deleted is tried for ever",
    patches: [
      {
        file: "launcher/attach/undeletable.ts",
        from: 'if (tries >= TRIES[trouble]) return "orphan";',
        to: 'if (tries >= TRIES[trouble] * 99) return "orphan";',
      },
    ],
    by: "seeds",
    shownBy: /^del-fails/,
  },
  {
    what: "an ADD does not detach the orphans of its container",
    patches: [{ file: ADD, from: "  await clearOwnOrphans(call);\n", to: "" }],
    by: historyOf("an ADD was refused, as an orphan"),
    shownBy: /^fails-needlessly: ADD/,
  },
  {
    what: "two calls deal with one VF at the same time",
    patches: [
      {
        file: "launcher/sriov/lock.ts",
        from: "if (await lookedAt(isFree())) return mark;\n    await",
        to: "return mark;\n    await",
      },
    ],
    by: historyOf("two calls gave one VF back"),
  },
  {
    what: "a chain is deleted first plugin first",
    patches: [
      {
        file: "launcher/attach/execute.ts",
        from: "[...delegate.plugins.keys()].reverse()",
        to: "[...delegate.plugins.keys()]",
      },
    ],
    by: "seeds",
  },
  {
    what: "GC tells every network's plugins of the runtime's interface names, not of their own",
    patches: [
      {
        file: GC,
        from: "{ containerID, ifname: delegate.ifname }",
        to: "{ containerID, ifname: delegate.runtimeIfname }",
      },
    ],
    by: "seeds",
  },
  {
    what: "GC takes the containers that live for those that do not",
    patches: [
      {
        file: GC,
        from: "    if (isValid(valid, containerId, ifname)) continue;",
        to: "    if (!isValid(valid, containerId, ifname)) continue;",
      },
    ],
    by: "seeds",
  },
  {
    what: "GC of the built-in plugin sriov takes the VFs of containers that live",
    patches: [
      {
        file: "launcher/sriov/plugin.ts",
        from: "network === name && !valid.has",
        to: "network === name && valid.has",
      },
      {
        file: "launcher/sriov/plugin.ts",
        from: "if (isStale && !isOnRecord)",
        to: "if (isStale)",
      },
    ],
    by: "seeds",
  },
  {
    what: "a VF is allocated although somebody has it",
    patches: [
      {
        file: "launcher/sriov/allocation.ts",
        from: "return this.host.create(",
        to: "return overwrite(this.host, ",
      },
      {
        file: "launcher/sriov/allocation.ts",
        from: "export class Allocations {",
        to: "const overwrite = (host, path, text) => host.write(path, text).then(() => true);\n\nexport class Allocations {",
      },
      {
        file: "launcher/sriov/take.ts",
        from: "if (await host.exists(other.netns)) throw",
        to: "if (other === undefined) throw",
      },
    ],
    by: "seeds",
    shownBy: /^vf-shared/,
  },
  {
    what: "a VF keeps the VLAN of its last container",
    patches: [
      {
        file: "launcher/sriov/restore.ts",
        from: "if (Object.keys(before).length === 0) return {};",
        to: "if (Object.keys(before).length > 0) return {};",
      },
    ],
    by: "seeds",
  },
  {
    what: "a VF's allocation goes before the VF is as it was",
    patches: [
      {
        file: "launcher/sriov/restore.ts",
        from: "await restoreDevice(call, allocation);",
        to: "{ await call.allocations.release(allocation); await restoreDevice(call, allocation); }",
      },
    ],
    by: "seeds",
  },
  {
    what: "an API server that restarts is not waited for",
    patches: [
      {
        file: "launcher/cluster/retry.ts",
        from: '{ kind: "unsent", next: "again later"',
        to: '{ kind: "unsent", next: "take"',
      },
    ],
    by: "seeds",
  },
  {
    what: "network-status is written although the pod is another one by now",
    patches: [
      {
        file: "launcher/cluster/rest.ts",
        from: "{ metadata: { uid: pod.uid, resourceVersion, annotations } }",
        to: "{ metadata: { resourceVersion, annotations } }",
      },
    ],
    by: "seeds",
  },
  {
    what: "network-status is not written",
    patches: [{ file: ADD, from: 'pod && networkStatus !== "[]")', to: 'pod && networkStatus === "[]")' }],
    by: "seeds",
  },
  {
    what: "a call that nobody waits for any more waits on, and others of its container for it",
    patches: [
      {
        file: ADMISSION,
        from: '    over.addEventListener("abort", leave, { once: true });\n    something',
        to: "    something",
      },
    ],
    by: inOutage("silent", [
      { waitMs: 0, do: "ADD", container: 0, killAfterMs: 200 },
      { waitMs: 300, do: "DEL", container: 0 },
    ]),
  },
  {
    what: "ADDs keep their slots while they wait, and there is none that they cannot take",
    patches: [
      { file: ADMISSION, from: "        if (this.executions === 0) this.giveBack();\n", to: "" },
      { file: ADMISSION, from: "this.slots - Math.max(1, Math.floor(this.slots / 4))", to: "this.slots" },
    ],
    by: inOutage("down", [
      { waitMs: 0, do: "ADD", container: 0 },
      { waitMs: 0, do: "ADD", container: 1 },
      { waitMs: 100, do: "DEL", container: 2 },
    ]),
  },
  ...EDIT_DEFECTS,
];
