// A certificate authority for one cluster, with keys as kubeadm makes them.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { ensurePackages } from "../../scripts/provide/debian.ts";

/** A certificate and its key, as paths of PEM files. */
export interface Pair {
  cert: string;
  key: string;
}

/** What a certificate says about its owner. */
export interface Subject {
  /** The user's name in Kubernetes, or the server's. */
  name: string;
  /** The user's groups in Kubernetes. */
  groups?: string[];
  /** A server's names and addresses, as openssl writes them: `IP:127.0.0.1`, `DNS:localhost`. */
  server?: string[];
}

const RSA = ["-newkey", "rsa:2048", "-nodes"];

export class Authority {
  readonly cert: string;
  private readonly key: string;
  private readonly dir: string;
  private issued = 0;

  /** @param dir for its files */
  constructor(dir: string, name: string) {
    ensurePackages(["openssl"]);
    fs.mkdirSync(dir, { mode: 0o700 });
    this.dir = dir;
    this.cert = join(dir, "ca.crt");
    this.key = join(dir, "ca.key");
    openssl(
      "req",
      "-x509",
      ...RSA,
      "-keyout",
      this.key,
      "-out",
      this.cert,
      "-subj",
      `/CN=${name}`,
      "-days",
      "7",
    );
  }

  /** A key, and a certificate for it. */
  issue({ name, groups = [], server }: Subject): Pair {
    const base = join(this.dir, `${this.issued++}`);
    const [cert, key, request, extensions] = [`${base}.crt`, `${base}.key`, `${base}.csr`, `${base}.ext`];
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${name}`].join("");
    openssl("req", "-new", ...RSA, "-keyout", key, "-out", request, "-subj", subject);
    fs.writeFileSync(
      extensions,
      server === undefined
        ? "extendedKeyUsage=clientAuth\n"
        : `extendedKeyUsage=serverAuth\nsubjectAltName=${server.join(",")}\n`,
    );
    const signed = ["-CA", this.cert, "-CAkey", this.key, "-set_serial", `${this.issued}`, "-days", "2"];
    openssl("x509", "-req", "-in", request, "-out", cert, "-extfile", extensions, ...signed);
    return { cert, key };
  }

  /** A key pair for tokens of service accounts: paths of the private and the public key. */
  tokenKeys(): { signing: string; verifying: string } {
    const [signing, verifying] = [join(this.dir, "sa.key"), join(this.dir, "sa.pub")];
    openssl("genrsa", "-out", signing, "2048");
    openssl("rsa", "-in", signing, "-pubout", "-out", verifying);
    return { signing, verifying };
  }
}

function openssl(...args: string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}
