// What the conf that Plexus has on this node says, and the one that is going to be copied.
import { KUBELET_ROOT, STATE_DIR } from "../../paths.ts";
import { MIGRATED_CONF } from "../migrate/migrated.ts";
import { type Json, pluginIn } from "./conf.ts";
import { ASIDE, CONF, type Installation, onNode, PLAIN_CONF } from "./installation.ts";
import { readNamed, readText } from "./place.ts";

/** The kubeconfig of Plexus's conf; "" if it has none. */
export function kubeconfigInUse(installation: Installation): string {
  const { kubeconfig } = pluginInUse(installation) ?? {};
  return typeof kubeconfig === "string" ? kubeconfig : "";
}

/** The kubelet's root directory: what is asked for, or what Plexus's conf has, or the one that is going to be copied. */
export function kubeletRootInUse(installation: Installation): string {
  const { "conf-file": file, "kubelet-root": asked } = installation.options;
  const copied = file === undefined ? {} : pluginIn(readText(file) ?? "");
  const root = asked ?? { ...pluginInUse(installation), ...copied }.kubeletRoot;
  return typeof root === "string" && /^\/\S+$/.test(root) ? root : KUBELET_ROOT;
}

/** The state directory of Plexus's conf; undefined if there is no conf. */
export function stateDirInUse(installation: Installation): string | undefined {
  const plugin = pluginInUse(installation);
  return plugin && stateDirOf(plugin);
}

/** The state directory that is asked for; undefined if the one that is there stays. */
export function stateDirAskedFor({ options }: Installation): string | undefined {
  const file = options["conf-file"];
  if (file === undefined) return options["state-dir"];
  return stateDirOf(pluginIn(readNamed(file)));
}

function stateDirOf({ cniDir }: Json): string {
  return typeof cniDir === "string" && cniDir !== "" ? cniDir : STATE_DIR;
}

/** Plexus's own plugin in its conf, also while that is set aside or torn; undefined if there is no conf. */
function pluginInUse(installation: Installation): Json | undefined {
  const paths = [MIGRATED_CONF, CONF, PLAIN_CONF, ASIDE].map((name) =>
    onNode(installation, installation.confDir, name),
  );
  const text = paths.map(readText).find((one) => one !== undefined);
  return text === undefined ? undefined : pluginIn(text);
}
