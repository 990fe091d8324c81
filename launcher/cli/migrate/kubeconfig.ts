// The kubeconfig of a node that was Multus's: which one Plexus can use.
import * as fs from "node:fs";
import { join } from "node:path";
import { readKubeconfig } from "../../cluster/kubeconfig.ts";
import { kubeconfigOf } from "../install/kubeconfig.ts";
import { readText } from "../install/place.ts";
import { onNode } from "./convert.ts";
import { type Conf, type Found, isThick } from "./multus.ts";

export interface Credentials {
  /** "" without Kubernetes. */
  path: string;
  /** Of a file that has to be written there; one that is there stays as it is, with its owner, mode and label. */
  text?: string;
  /** Until when it is of use, if that depends on Multus. */
  depends?: string;
}

/** As `plexus install` names it. */
const ownKubeconfig = (confDir: string) => `${confDir}/plexus.d/plexus.kubeconfig`;

/** The file by which Multus's daemon keeps the certificate of its node: certificate and key in one. */
const CERTIFICATE = "multus-client-current.pem";

const WHILE_POD = "as long as Multus's pod is on this node";
const whileRenewed = (certificate: string) => `as long as Multus's daemon renews ${certificate}`;

/**
 * Chooses a kubeconfig: the one that is asked for, the one that Plexus's installer has written, the one in Multus's conf, one for
 * the certificate of Multus's daemon. Throws an Error if pods would lose their networks without one.
 */
export async function chooseKubeconfig(
  multus: Found,
  daemon: Conf | undefined,
  { root, confDir, kubeconfig }: { root: string; confDir: string; kubeconfig: string },
): Promise<Credentials> {
  const exists = (path: string) => fs.existsSync(join(root, path));
  const own = ownKubeconfig(confDir);
  if (kubeconfig !== "") {
    if (exists(kubeconfig)) return { path: kubeconfig };
    throw new Error(`--kubeconfig ${kubeconfig}: there is no such file; put it there, or leave this out`);
  }
  if (exists(own)) return { path: own };
  const [plugin = multus.conf] = Array.isArray(multus.conf.plugins) ? (multus.conf.plugins as Conf[]) : [];
  const named = { ...plugin, ...daemon }.kubeconfig;
  if (typeof named === "string" && named !== "") {
    const path = onNode(named, root);
    if (exists(path)) return { path, depends: WHILE_POD };
    throw new Error(`the kubeconfig ${path} of Multus does not exist; ${remedy(own)}`);
  }
  const certificate = await ofCertificate(daemon, root);
  if (certificate !== undefined) return { path: own, ...certificate };
  if (!isThick(multus)) return { path: "" };
  throw new Error(
    `there is no kubeconfig on this node: Multus's daemon asks the API server with what only its pod has; ${remedy(own)}`,
  );
}

function remedy(own: string): string {
  return (
    "`kubectl apply -k deploy/thin` (or deploy/daemon) lets Plexus's installer write " +
    `${own}; or name one with --kubeconfig PATH`
  );
}

/** A kubeconfig with the server of the daemon's own, and the certificate that the daemon renews. */
async function ofCertificate(daemon: Conf | undefined, root: string) {
  const { enabled, bootstrapKubeconfig, certDir } = (daemon?.perNodeCertificate ?? {}) as Conf;
  if (enabled !== true || typeof bootstrapKubeconfig !== "string" || typeof certDir !== "string")
    return undefined;
  const certificate = join(onNode(certDir, root), CERTIFICATE);
  if (!fs.existsSync(join(root, certificate))) return undefined;
  const { server, ca } = await readKubeconfig(join(root, onNode(bootstrapKubeconfig, root)), () => undefined);
  const user = { "client-certificate": certificate, "client-key": certificate };
  return {
    text: kubeconfigOf(server.href.replace(/\/$/, ""), ca?.toString("base64"), user),
    depends: whileRenewed(certificate),
  };
}

/** Until when the kubeconfig of a node that has been migrated is of use, if that depends on Multus, whose confs are kept. */
export function dependenceOf({ conf }: Found, kept: Found[], root: string): string | undefined {
  const { kubeconfig } = conf;
  if (typeof kubeconfig !== "string" || kubeconfig === "") return undefined;
  const ofMultus = kept.flatMap((one) => [
    one.conf,
    ...(Array.isArray(one.conf.plugins) ? one.conf.plugins : []),
  ]);
  if (ofMultus.some((one: Conf) => one.kubeconfig && onNode(`${one.kubeconfig}`, root) === kubeconfig))
    return WHILE_POD;
  const text = readText(join(root, kubeconfig)) ?? "";
  const [, certificate] = new RegExp(`"client-certificate": "(.*/${CERTIFICATE})"`).exec(text) ?? [];
  return certificate && whileRenewed(certificate);
}
