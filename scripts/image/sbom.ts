// Writes what an image is made of. Source: SPDX specification 2.3.
import { createHash } from "node:crypto";
import type { DebianPackage } from "./base.ts";
import type { Architecture } from "./layout.ts";

/** package-lock.json, as far as it is read here. */
export interface Lock {
  packages: Record<
    string,
    { version: string; license?: string; integrity?: string; dev?: boolean; optional?: boolean }
  >;
}

interface Part {
  name: string;
  version: string;
  license: string;
  /** Package URL: https://github.com/package-url/purl-spec. */
  purl?: string;
  /** Of the archive that it came from. */
  sha512?: string;
}

/**
 * Makes an SPDX document, in JSON: Plexus, Node.js, the npm packages that are bundled or that the bundles were made of, and
 * Debian's libraries.
 *
 * @param plexus the executable
 */
export function sbomOf(
  { version, seconds, suite }: { version: string; seconds: number; suite: string },
  architecture: Architecture,
  plexus: Uint8Array,
  lock: Lock,
  packages: readonly DebianPackage[],
): string {
  const sha256 = createHash("sha256").update(plexus).digest("hex");
  const parts = [
    ...npmParts(lock, architecture),
    ...packages.map((one) => debianPart(one, architecture, suite)),
  ];
  const own = {
    ...packageOf({ name: "plexus", version, license: "Apache-2.0" }),
    primaryPackagePurpose: "APPLICATION",
    checksums: [{ algorithm: "SHA256", checksumValue: sha256 }],
  };
  const name = `plexus-${version}-${architecture}`;
  const document = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name,
    // By its content, so that one build has one name, and two that differ have two.
    documentNamespace: `https://spdx.org/spdxdocs/${name}-${sha256.slice(0, 32)}`,
    creationInfo: {
      created: new Date(seconds * 1000).toISOString().replace(".000", ""),
      creators: ["Tool: npm run image"],
    },
    packages: [own, ...parts.map(packageOf)],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: own.SPDXID },
      ...parts.map((part) => ({
        spdxElementId: own.SPDXID,
        relationshipType: part.purl?.startsWith("pkg:deb") ? "DYNAMIC_LINK" : "CONTAINS",
        relatedSpdxElement: idOf(part),
      })),
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function npmParts({ packages }: Lock, architecture: Architecture): Part[] {
  const node = `node-linux-${architecture === "amd64" ? "x64" : "arm64"}`;
  return Object.entries(packages)
    .filter(([path, { dev, optional }]) => path !== "" && !dev && (!optional || path.endsWith(`/${node}`)))
    .map(([path, { version, license = "NOASSERTION", integrity = "" }]) => {
      const name = path.replace(/^.*node_modules\//, "");
      const isNode = name === node;
      return {
        name: isNode ? "node" : name,
        version,
        license: isNode ? "MIT" : license,
        purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
        sha512: Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex"),
      };
    });
}

function debianPart({ name, version, source }: DebianPackage, architecture: string, suite: string): Part {
  const about = `arch=${architecture}&distro=${suite}&upstream=${encodeURIComponent(source)}`;
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?${about}`;
  return { name, version, license: "NOASSERTION", purl }; // its license is the image's usr/share/doc/*/copyright
}

function packageOf(part: Part) {
  const { name, version, license, purl, sha512 } = part;
  return {
    SPDXID: idOf(part),
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license,
    copyrightText: "NOASSERTION",
    ...(sha512 ? { checksums: [{ algorithm: "SHA512", checksumValue: sha512 }] } : {}),
    ...(purl
      ? {
          externalRefs: [
            { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl },
          ],
        }
      : {}),
  };
}

/** Letters, digits, `.` and `-`. */
function idOf({ name, version }: Part): string {
  return `SPDXRef-${name}-${version}`.replaceAll(/[^A-Za-z0-9.-]/g, "-");
}
