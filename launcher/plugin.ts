// A call of the CNI protocol: environment and stdin in, one document out.
// Source: CNI spec 1.1.0, section 2 "Execution Protocol".
import { readSync } from "node:fs";
import { add } from "./attach/add.ts";
import type { Call } from "./attach/call.ts";
import { check } from "./attach/check.ts";
import { del } from "./attach/del.ts";
import { gc } from "./attach/gc.ts";
import { status } from "./attach/status.ts";
import { openCluster } from "./cluster/open.ts";
import { Core } from "./core/index.ts";
import { wasm } from "./core/wasm.ts";
import { Code, Fault } from "./fault.ts";
import { localHost } from "./host/local.ts";
import { openLog } from "./log/log.ts";
import { State } from "./state/state.ts";

const MAX_CONF = 8 << 20;

/** What each verb does; a text it returns goes to stdout. */
const VERBS: Record<string, (call: Call) => Promise<unknown>> = {
  ADD: add,
  DEL: del,
  CHECK: check,
  STATUS: status,
  GC: gc,
};

/** Carries out the call that this process was executed for. Never throws: a failure is an answer too. */
export async function runPlugin(env: NodeJS.ProcessEnv): Promise<{ exitCode: number; stdout: string }> {
  let cniVersion: string | undefined;
  try {
    const core = new Core(wasm());
    const settings = core.netconf(readStdin());
    cniVersion = settings.cniVersion;
    const call = await openCall(core, settings, env);
    try {
      const result = await VERBS[env.CNI_COMMAND ?? ""]?.(call);
      return { exitCode: 0, stdout: typeof result === "string" ? `${result}\n` : "" };
    } catch (error) {
      const fault = Fault.of(error);
      call.log.write("error", fault.message);
      throw fault;
    }
  } catch (error) {
    const { code, message } = Fault.of(error);
    // An answer to a conf without a version is one of the oldest, as libcni has it.
    const answer = { cniVersion: cniVersion || "0.1.0", code, msg: message };
    return { exitCode: 1, stdout: `${JSON.stringify(answer)}\n` };
  }
}

async function openCall(core: Core, settings: Call["settings"], env: NodeJS.ProcessEnv): Promise<Call> {
  const variables = {
    CNI_COMMAND: env.CNI_COMMAND ?? "",
    CNI_CONTAINERID: env.CNI_CONTAINERID ?? "",
    CNI_NETNS: env.CNI_NETNS ?? "",
    CNI_IFNAME: env.CNI_IFNAME ?? "",
    CNI_PATH: env.CNI_PATH ?? "",
  };
  core.environment({ ...variables, cniVersion: settings.cniVersion });
  const log = await openLog(settings);
  return {
    core,
    settings,
    host: localHost,
    cluster: openCluster(settings.kubeconfig, env, (message) => log.write("error", message)),
    state: new State(localHost, settings.cniDir),
    log,
    runtime: {
      containerId: variables.CNI_CONTAINERID,
      netns: variables.CNI_NETNS,
      ifname: variables.CNI_IFNAME,
      args: env.CNI_ARGS ?? "",
    },
    env: env as Record<string, string>,
    pluginDirs: [settings.binDir, ...variables.CNI_PATH.split(":").filter((dir) => dir !== settings.binDir)],
  };
}

function readStdin(): Uint8Array {
  const chunks: Buffer[] = [];
  let size = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(65536);
    let count: number;
    try {
      count = readSync(0, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") continue;
      throw new Fault(Code.ioFailure, `stdin cannot be read: ${(error as Error).message}`);
    }
    if (count === 0) return Buffer.concat(chunks);
    size += count;
    if (size > MAX_CONF) throw new Fault(Code.decodeFailure, "the conf on stdin is larger than 8 MiB");
    chunks.push(chunk.subarray(0, count));
  }
}
