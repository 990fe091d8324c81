// One call in a process of its own: the one that the runtime, or the shim, has executed.
import { readSync, writeSync } from "node:fs";
import { Core, type Settings } from "../packages/core/index.ts";
import { type Answer, carryOut, failed, versionIn } from "./attach/verbs.ts";
import { BUILT_INS } from "./builtins.ts";
import { systemClock } from "./clock.ts";
import { openCluster } from "./cluster/open.ts";
import { parametersOf, variablesOf } from "./cni/parameters.ts";
import { wasm } from "./core/wasm.ts";
import { Code, Fault } from "./fault.ts";
import { endLeft } from "./host/executions.ts";
import { DELEGATE_VARIABLE } from "./host/host.ts";
import { localHost, parallelHost } from "./host/local.ts";
import { STATE_DIR } from "./paths.ts";
import { readBasics } from "./sriov/conf.ts";
import { sriov } from "./sriov/plugin.ts";

const MAX_CONF = 8 << 20;
/** The verbs that attach or detach. */
const CHANGING: readonly string[] = ["ADD", "DEL", "GC"];

/** Carries out the call that this process was executed for. Never throws: a failure is an answer too. */
export async function runPlugin(env: NodeJS.ProcessEnv): Promise<Answer> {
  const { CNI_COMMAND: verb, [DELEGATE_VARIABLE]: delegate } = env;
  try {
    if (delegate !== undefined) return answerToItself(delegate, verb);
    if (CHANGING.includes(verb ?? "")) {
      // What a call that was killed has left running would go on beside this one, and after it.
      await endLeft(verb === "GC" ? "" : (env.CNI_CONTAINERID ?? ""), systemClock);
    }
    const core = new Core(wasm());
    const stdin = readStdin();
    const ports = { core, clock: systemClock, builtIns: BUILT_INS, host, stderr, cluster, linter };
    return await carryOut(ports, env, stdin);
  } catch (error) {
    return failed(error, undefined);
  }
}

/**
 * Answers a call that Plexus itself has made, because a conf leads back to it: each call would make another one, without
 * end. There is never an attachment to undo.
 *
 * @param delegate the path of the plugin that Plexus has executed: itself, or one that has executed Plexus
 */
function answerToItself(delegate: string, verb: string | undefined): Answer {
  if (verb === "DEL" || verb === "GC") return { exitCode: 0, stdout: "" };
  const why = `a conf leads back to Plexus: Plexus has executed ${delegate}, which is, or executes, Plexus`;
  const remedy =
    "correct the `type` of that conf or NetworkAttachmentDefinition, or `clusterNetwork` if it names Plexus's own conf";
  return failed(new Fault(Code.invalidNetworkConfig, `${why}; ${remedy}`), versionIn(readStdin()));
}

/** Carries out the call of a binary that was executed as the plugin `sriov`. */
export async function runSriovPlugin(env: NodeJS.ProcessEnv): Promise<Answer> {
  let cniVersion: string | undefined;
  try {
    const core = new Core(wasm());
    const given = readStdin();
    cniVersion = versionIn(given);
    const stdin = given.toString();
    const conf = readBasics(stdin);
    const parameters = parametersOf(env);
    const { CNI_ARGS: _, ...variables } = variablesOf(parameters);
    core.environment({ ...variables, cniVersion: conf.cniVersion });
    const result = await sriov.run({
      parameters,
      stdin,
      env: env as Record<string, string>,
      pluginDirs: parameters.path.split(":"),
      cniDir: conf.cniDir ?? STATE_DIR,
      timeoutMs: 0,
      core,
      host: localHost,
      clock: systemClock,
      aside: (wait) => wait(),
      log: (message) => stderr(`${message}\n`),
    });
    return { exitCode: 0, stdout: result === undefined ? "" : `${result}\n` };
  } catch (error) {
    return failed(error, cniVersion);
  }
}

const host = ({ attach }: Settings) => (attach === "parallel" ? parallelHost : localHost);

const linter = () => new Core(wasm("lint.wasm"));

const stderr = (line: string) => void writeSync(2, line);

const cluster: Parameters<typeof carryOut>[0]["cluster"] = ({ kubeconfig }, env, log) =>
  openCluster(kubeconfig, env, (message) => log.write("error", message));

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
    if (size > MAX_CONF)
      throw new Fault(Code.decodeFailure, "the conf on stdin is larger than 8 MiB; make it smaller");
    chunks.push(chunk.subarray(0, count));
  }
}
