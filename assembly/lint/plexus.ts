// Plexus's own conf, which is Multus's.
import { IDENTIFIER_RULE, isIdentifier } from "../cni/names";
import { isSupported } from "../cni/version";
import { Value } from "../json/value";
import { ascii } from "../text/span";
import { say } from "../text/writer";
import { lintConf, Site } from "./conf";
import { isFull, onKey, Severity } from "./findings";
import { checkMembers, has, missing, Reader } from "./members";
import { PLEXUS } from "./tables";
import { bad, wrongType } from "./types";

/**
 * Checks Plexus's own conf, and the confs in it.
 *
 * @param isOfList is it a plugin of a conflist, which has the name?
 */
export function lintPlexus(root: Value, isOfList: bool = false): void {
  checkMembers(root, PLEXUS, "", ascii("Plexus's conf"), Reader.Plexus);
  if (!isOfList && !has(root, ascii("name")))
    missing(root, ascii("name"), ascii("Plexus's conf"), Severity.Error);
  const name = root.present("name");
  const version = root.present("cniVersion");
  if (name !== null && name.isString() && !isIdentifier(name.text())) {
    bad(name, "bad-name", ascii("name"), name.text(), IDENTIFIER_RULE);
  }
  if (version !== null && version.isString() && !isSupported(version.text())) {
    bad(
      version,
      "cni-version-unsupported",
      ascii("cniVersion"),
      version.text(),
      "write one of 0.3.1, 0.4.0, 1.0.0, 1.1.0",
    );
  }
  const delegates = root.present("delegates");
  const cluster = root.present("clusterNetwork");
  const isNamed =
    cluster === null ? has(root, ascii("clusterNetwork")) : cluster.isFilled() || !cluster.isString();
  const isListed =
    delegates === null ? has(root, ascii("delegates")) : !delegates.isArray() || delegates.count > 0;
  if (!isNamed && !isListed) missing(root, ascii("clusterNetwork"), ascii("Plexus's conf"), Severity.Error);
  if (isNamed && isListed && delegates !== null)
    ignored(delegates, "`delegates` is ignored, as there is `clusterNetwork`", "remove one of them");
  const further = root.present("defaultNetworks");
  if (!isNamed && further !== null && further.isArray() && further.count > 0) {
    ignored(
      further,
      "`defaultNetworks` is ignored, as there is no `clusterNetwork`",
      "put their confs into `delegates`, or name the first network by `clusterNetwork`",
    );
  }
  if (delegates === null) return;
  if (!delegates.isArray()) {
    wrongType(delegates, ascii("delegates"), "a list of confs and conflists");
    return;
  }
  for (let one = delegates.first; one.exists && !isFull(); one = one.next) lintConf(one, Site.Delegate);
}

/** Notes a member that Plexus does not look at, as Multus does not. Source: LoadNetConf and CmdAdd of multus-cni. */
function ignored(member: Value, found: string, remedy: string): void {
  onKey("ignored-key", Severity.Warning, member, say(found), say(remedy));
}
