// Where the server's certificate comes from: two files, which something else renews, or a Secret with authorities of our own.
import { X509Certificate } from "node:crypto";
import type { Clock } from "../clock.ts";
import { Sources } from "../cluster/sources.ts";
import { Code, Fault } from "../fault.ts";
import type { Pair, Validity } from "./x509.lazy.ts";

export interface Certificates {
  /**
   * Gives the pair to `use`, and each that takes its place, until `signal` is aborted. Never rejects.
   *
   * @param use may throw: then the one before stays
   */
  follow(use: (pair: Pair) => void, signal: AbortSignal): Promise<void>;
  /** Returns why it cannot be renewed, or made; undefined if it can. */
  problem(): string | undefined;
}

/** Files are looked at so often. */
const LOOK_MS = 5000;

/** Follows two files in PEM, as cert-manager writes them. */
export class FileCertificates implements Certificates {
  private why: string | undefined;

  constructor(
    private readonly paths: { cert: string; key: string },
    private readonly clock: Clock,
    private readonly warn: (message: string) => void,
  ) {}

  async follow(use: (pair: Pair) => void, signal: AbortSignal): Promise<void> {
    let files: Sources | undefined;
    while (!signal.aborted) {
      try {
        if (files === undefined || files.haveChanged()) {
          files = new Sources();
          const [cert, key] = [this.paths.cert, this.paths.key].map((path) => read(files, path));
          use(matching({ cert: `${cert}`, key: `${key}` }, `${this.paths.cert} and ${this.paths.key}`));
          this.why = undefined;
        }
      } catch (error) {
        files = undefined;
        const { message } = Fault.of(error);
        if (message !== this.why) this.warn(message);
        this.why = message;
      }
      await this.clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  problem(): string | undefined {
    return this.why;
  }
}

function read(files: Sources | undefined, path: string): string {
  try {
    return `${files?.read(path).content}`;
  } catch (error) {
    const why = (error as Error).message;
    throw new Fault(Code.ioFailure, `the certificate cannot be read: ${why}; see that what writes it runs`);
  }
}

/** @throws Fault with code 7 if the key is not the certificate's, as in the middle of a renewal */
export function matching(pair: Pair, source: string): Pair {
  const { createPrivateKey } = process.getBuiltinModule("node:crypto");
  let why = "the key is another certificate's";
  try {
    if (new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) return pair;
  } catch (error) {
    why = (error as Error).message;
  }
  throw new Fault(Code.invalidNetworkConfig, `${source} cannot be used: ${why}; write both anew`);
}

/** Returns when a certificate counts. */
export function validityOf({ cert }: Pair): Validity {
  const { validFromDate, validToDate } = new X509Certificate(cert);
  return { from: validFromDate.getTime(), to: validToDate.getTime() };
}
