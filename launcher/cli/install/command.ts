// `plexus install` and `plexus uninstall`, as an operator calls them.
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { CONF_DIR, PLUGIN_DIR, SOCKET } from "../../paths.ts";
import { installBinaries } from "./binaries.ts";
import { installConf } from "./conf.ts";
import type { Installation, Mode } from "./installation.ts";
import { installKubeconfig } from "./kubeconfig.ts";
import { removeInstalled } from "./uninstall.ts";

/** How soon a change of the default network's conf, or of the token, is taken over, in milliseconds. */
const WATCH_EVERY = 2000;

const MODES: readonly Mode[] = ["on-demand", "resident", "one-shot"];

/** Source: unix(7), `sun_path` with its NUL. */
const LONGEST_SOCKET = 107;

export async function install(args: string[]): Promise<void> {
  const { installation: made, watch } = installation(args);
  let said = "";
  const step = async () => {
    const kubeconfig = await installKubeconfig(made, process.env);
    if (kubeconfig !== undefined) console.log(kubeconfig);
    const conf = await installConf(made);
    if (conf !== undefined && conf !== said) console.log(conf);
    said = conf ?? said;
  };
  await installBinaries(made);
  await step();
  if (!watch) return;
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.abort());
  while (!ended.signal.aborted) {
    await sleep(WATCH_EVERY, undefined, { signal: ended.signal }).catch(() => undefined);
    try {
      await step();
    } catch (error) {
      const { message } = error as Error; // a full disk passes
      if (message !== said) console.error(`plexus install: ${message}`);
      said = message;
    }
  }
}

export function uninstall(args: string[]): void {
  removeInstalled(installation(args).installation);
}

function installation(args: string[]): { installation: Installation; watch: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      "bin-dir": { type: "string", default: PLUGIN_DIR },
      "conf-dir": { type: "string", default: CONF_DIR },
      kubeconfig: { type: "string", default: "" },
      root: { type: "string", default: "/" },
      socket: { type: "string", default: SOCKET },
      "on-demand": { type: "boolean", default: false },
      resident: { type: "boolean", default: false },
      "one-shot": { type: "boolean", default: false },
      watch: { type: "boolean", default: false },
    },
  });
  for (const name of ["bin-dir", "conf-dir", "kubeconfig", "root", "socket"] as const) {
    const path = values[name];
    const isOptional = name === "kubeconfig" && path === "";
    if (!isOptional && !path.startsWith("/"))
      throw new Error(`--${name} ${path}: an absolute path is needed`);
  }
  if (Buffer.byteLength(values.socket) > LONGEST_SOCKET) {
    throw new Error(`--socket ${values.socket}: a path of at most ${LONGEST_SOCKET} bytes is needed`);
  }
  const isInPod = process.env.KUBERNETES_SERVICE_HOST !== undefined;
  const fallback = isInPod ? `${values["conf-dir"]}/plexus.d/plexus.kubeconfig` : "";
  const [mode = "on-demand", ...others] = MODES.filter((name) => values[name]);
  if (others.length > 0) throw new Error(`--${mode} and --${others[0]}: there is one way to run it`);
  return {
    installation: {
      binDir: values["bin-dir"],
      confDir: values["conf-dir"],
      kubeconfig: values.kubeconfig || fallback,
      root: values.root,
      mode,
      socket: values.socket,
    },
    watch: values.watch,
  };
}
