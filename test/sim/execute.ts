// Executions of plugins and commands on the node in memory, by a process that may die meanwhile; and how they go wrong.
import { basename } from "node:path";
import { Code, Fault } from "../../launcher/fault.ts";
import { endedBy, saidTooMuch, tookTooLong } from "../../launcher/host/endings.ts";
import type { CommandOptions } from "../../launcher/host/execute.ts";
import type { ExecuteOptions, Execution } from "../../launcher/host/host.ts";
import { type Command, runCommand } from "./commands.ts";
import type { Machine } from "./machine.ts";
import type { Misbehaviour, Mischief } from "./mischief.ts";
import type { RuntimeCall } from "./network.ts";
import { type Conf, PLUGINS, PluginError, runPlugin } from "./plugins.ts";
import type { Process } from "./process.ts";

const SLOW_MS = 20_000;
const PRINTING_LIMIT = 4 << 20;

export interface Executor {
  machine: Machine;
  /** Who executes. */
  parent: Process;
  call: RuntimeCall;
  /** Are children killed with their parent, as the shim's are (PR_SET_PDEATHSIG)? */
  diesWithParent: boolean;
  /** Is told of each child. */
  started?: (child: Process) => void;
}

/** As the Host port has it. */
export async function execute(
  { machine, parent, call, diesWithParent, started }: Executor,
  path: string,
  options: ExecuteOptions | CommandOptions,
): Promise<Execution> {
  const { CNI_COMMAND: verb = "" } = options.env;
  const type = basename(path);
  const isPlugin = type in PLUGINS;
  const what = isPlugin
    ? `${type} ${verb} ${options.env.CNI_IFNAME}`
    : `${type} ${"args" in options ? options.args.join(" ") : ""}`;
  const child = await parent.step(`execute ${what}`, 1, () => {
    if (!machine.disk.exists(path)) throw new Fault(Code.ioFailure, `${path} cannot be executed: ENOENT`);
    return machine.start(`  [${call.verb} ${call.containerId}] ${what}`, undefined, undefined, parent);
  });
  started?.(child);
  if (!child.alive) return new Promise(() => undefined);
  const conf = isPlugin ? (JSON.parse((options as ExecuteOptions).stdin) as Conf) : undefined;
  if (conf) {
    const { CNI_CONTAINERID: containerId = "", CNI_IFNAME: ifname = "" } = options.env;
    machine.runs(child, { containerId, parent, call });
    machine.pluginStarted?.(call, { type, verb, containerId, ifname, network: conf.name });
  }
  const withdraw = diesWithParent ? parent.onEnd(() => child.end()) : () => undefined;
  const mischief = machine.mischiefFor(isPlugin ? verb : "ip");
  const ended = conf
    ? runProcess(machine, child, { call, type, path, parent, env: options.env, conf, mischief })
    : runCommand({
        machine,
        process: child,
        call,
        name: type as Command["name"],
        options: options as CommandOptions,
        mischief,
      });
  return new Promise((resolve, reject) => {
    const { timeout } = options;
    const limit =
      timeout > 0
        ? machine.timeline.after(timeout, () => {
            if (!child.alive) return;
            child.end();
            void parent.step(`kill ${what}`, 1, () => reject(tookTooLong(path, timeout)));
          })
        : undefined;
    const reap = (then: () => void) => {
      limit?.cancel();
      withdraw();
      child.end();
      void parent.step(`reap ${what}`, 0.5, then);
    };
    ended.then(
      (execution) => {
        reap(() => resolve(execution));
      },
      (error) => reap(() => reject(error)),
    );
  });
}

interface Started {
  call: RuntimeCall;
  type: string;
  path: string;
  parent: Process;
  env: Record<string, string>;
  conf: Conf;
  mischief: Mischief | undefined;
}

/** A plugin from its start to its end; rejects where the Host port rejects. */
async function runProcess(machine: Machine, process: Process, started: Started): Promise<Execution> {
  const { call, conf, env, type, path, parent, mischief } = started;
  let acts = 0;
  const run = {
    machine,
    process,
    call,
    env,
    conf,
    isOrphan: () => !parent.alive,
    act: async <T>(what: string, work: () => T): Promise<T> => {
      if (mischief !== undefined && acts++ >= mischief.acts) await misbehave(process, mischief.how, path);
      return process.step(what, 8, work);
    },
  };
  try {
    const stdout = await runPlugin(type, run);
    if (mischief === undefined) return { exitCode: 0, stdout, stderr: "" };
    await misbehave(process, mischief.how, path);
    if (mischief.how === "silent") return { exitCode: 0, stdout: "", stderr: "" };
    if (mischief.how === "garbage")
      return { exitCode: 0, stdout: `{"cniVersion": "1.0.0", "interf`, stderr: "" };
    return { exitCode: 0, stdout, stderr: "" };
  } catch (error) {
    if (!(error instanceof PluginError)) throw error;
    const stdout = JSON.stringify({ cniVersion: conf.cniVersion, code: error.code, msg: error.message });
    return { exitCode: 1, stdout, stderr: "" };
  }
}

async function misbehave(process: Process, how: Misbehaviour, path: string): Promise<void> {
  switch (how) {
    case "fail":
      throw new PluginError(100, "it does not work");
    case "killed":
      throw endedBy(path, "SIGKILL", "");
    case "binary":
      throw new Fault(Code.decodeFailure, `${path} printed bytes that are not UTF-8`);
    case "flood":
      throw saidTooMuch(path, PRINTING_LIMIT);
    case "hang":
      return new Promise(() => undefined);
    case "slow":
      return process.clock.sleep(SLOW_MS);
    default:
      return; // it is what it prints in the end
  }
}
