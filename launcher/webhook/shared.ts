// A certificate that all replicas make for themselves, by authorities that they share in a Secret, and tell the API server of:
// `caBundle` in the webhooks' configurations. Whoever looks first does what is due; the version of an object decides between two.
import type { Clock } from "../clock.ts";
import type { ApiAnswer, ApiRequest } from "../cluster/http.ts";
import type { JsonObject } from "../cluster/json.ts";
import { parseObject } from "../cluster/objects.ts";
import { refusal } from "../cluster/refusal.ts";
import { type ApiAccess, Transport } from "../cluster/transport.ts";
import { Code, Fault } from "../fault.ts";
import { lazy } from "../lazy.ts";
import { type Authority, counting, needsAnother, needsRenewal, signer, type Times } from "./authorities.ts";
import { type Certificates, matching, validityOf } from "./certificates.ts";
import type { Pair, ServerName, Validity } from "./x509.lazy.ts";

/** Members of the Secret: PEM, the newest first, and their keys in the same order. */
const [CERTS, KEYS] = ["ca.crt", "ca.key"];
/** How often what somebody else has done meanwhile is looked at. */
const TRIES = 5;
/** After a failure it is tried again so soon at the latest. */
const AGAIN_MS = 10_000;
const REQUEST_MS = 5_000;
const NAME = "plexus-webhook-ca";

export interface Sharing {
  access: ApiAccess;
  /** `namespace/name` of the Secret, which exists. */
  secret: string;
  /** Paths of the API: configurations whose webhooks are ours. */
  configurations: readonly string[];
  names: readonly ServerName[];
  times: Times;
  /** In ms since 1970. */
  now(): number;
  warn(message: string): void;
}

export class SharedCertificates implements Certificates {
  private api: Transport | undefined;
  private why: string | undefined = "there is no certificate yet";
  private own: (Pair & Validity & { by: string }) | undefined;

  constructor(private readonly sharing: Sharing) {}

  async follow(use: (pair: Pair) => void, signal: AbortSignal): Promise<void> {
    const { access, times, warn } = this.sharing;
    const clock: Clock = access.clock;
    while (!signal.aborted) {
      let waitMs = times.look * (0.75 + access.random() / 2);
      try {
        const authorities = await this.shared();
        await this.serve(authorities, use);
        this.why = undefined;
      } catch (error) {
        const { message } = Fault.of(error);
        if (message !== this.why) warn(`the certificate cannot be made or renewed: ${message}`);
        this.why = message;
        waitMs = Math.min(waitMs, AGAIN_MS);
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  problem(): string | undefined {
    return this.why;
  }

  /** Takes the authorities that there are, makes another one if it is time, and tells the API server of all. */
  private async shared(): Promise<Authority[]> {
    for (let tries = 1; ; tries++) {
      // First: whoever patches them after that has seen a Secret that is not older than ours.
      const before = await Promise.all(this.sharing.configurations.map((path) => this.get(path)));
      const authorities = await this.authorities();
      if (authorities) {
        const bundle = authorities.map(({ cert }) => cert).join("");
        const told = await Promise.all(before.map((one) => this.tell(one, bundle)));
        if (told.every(Boolean)) return authorities;
      }
      if (tries === TRIES)
        throw new Fault(Code.tryAgainLater, "others were faster each time; it is tried again");
    }
  }

  /** Returns undefined if somebody else has changed the Secret meanwhile. */
  private async authorities(): Promise<Authority[] | undefined> {
    const { secret, times, now } = this.sharing;
    const [namespace = "", name = ""] = secret.split("/");
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
    const { object } = await this.get(path);
    const data = object.at("data");
    const there = counting(authoritiesIn(decoded(data, CERTS), decoded(data, KEYS)), now());
    if (!needsAnother(there, now())) return there;
    const validity = { from: now() - times.early, to: now() + times.authority };
    const made = { ...(await lazy("x509").makeAuthority(NAME, validity)), ...validity };
    const all = counting([made, ...there], now());
    const text = (part: "cert" | "key") =>
      Buffer.from(all.map((one) => one[part]).join("")).toString("base64");
    const { resourceVersion } = object.at("metadata").raw();
    const answer = await this.send({
      method: "PATCH",
      path,
      type: "application/merge-patch+json",
      body: JSON.stringify({
        metadata: { resourceVersion },
        data: { [`${CERTS}`]: text("cert"), [`${KEYS}`]: text("key") },
      }),
    });
    return answer ? all : undefined;
  }

  /** Writes the bundle into a configuration. Returns false if somebody else has changed it meanwhile. */
  private async tell({ path, object }: Found, bundle: string): Promise<boolean> {
    const caBundle = Buffer.from(bundle).toString("base64");
    const { resourceVersion } = object.at("metadata").raw();
    const webhooks = object.list("webhooks");
    const changes = webhooks.flatMap((webhook, index) =>
      webhook.at("clientConfig").text("caBundle") === caBundle
        ? []
        : [{ op: "add", path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
    );
    if (changes.length === 0) return true;
    const version = { op: "replace", path: "/metadata/resourceVersion", value: resourceVersion };
    const body = JSON.stringify([version, ...changes]);
    const answer = await this.send({ method: "PATCH", path, type: "application/json-patch+json", body });
    return answer !== undefined;
  }

  /** Gives the server a certificate of the authority that signs, if the one that it has is another's, or old. */
  private async serve(authorities: readonly Authority[], use: (pair: Pair) => void): Promise<void> {
    const { names, times, now } = this.sharing;
    const by = signer(authorities, now(), times);
    if (by === undefined || (this.own?.by === by.cert && !needsRenewal(this.own, now()))) return;
    const validity = { from: now() - times.early, to: now() + times.server };
    const pair = await lazy("x509").issue(by, names, validity);
    use(pair);
    this.own = { ...pair, ...validityOf(pair), by: by.cert };
  }

  private async get(path: string): Promise<Found> {
    const answer = await this.send({ method: "GET", path });
    if (!answer) throw new Fault(Code.tryAgainLater, `GET ${path}: there is a conflict; it is tried again`);
    return { path, object: parseObject(answer.body.toString(), `the answer to GET ${path}`) };
  }

  /** Returns undefined if the object has been changed since it was read. */
  private async send(request: ApiRequest): Promise<ApiAnswer | undefined> {
    const { access } = this.sharing;
    this.api ??= await Transport.open(access);
    const answer = await this.api.send(request, { deadlineMs: access.clock.now() + REQUEST_MS });
    if (answer.status === 409) return undefined;
    if (answer.status === 404)
      throw new Fault(Code.invalidNetworkConfig, `${request.path} does not exist; apply deploy/webhook anew`);
    if (answer.status >= 300) throw refusal(this.api.connection, request, answer);
    return answer;
  }
}

interface Found {
  path: string;
  object: JsonObject;
}

function decoded(data: JsonObject, key = ""): string[] {
  const text = Buffer.from(data.text(key), "base64").toString();
  return text.match(/-----BEGIN [A-Z ]+-----[^-]*-----END [A-Z ]+-----\n?/g) ?? [];
}

/** Returns those whose key is theirs: what somebody has written there by hand is of no use. */
function authoritiesIn(certs: readonly string[], keys: readonly string[]): Authority[] {
  return certs.flatMap((cert, index) => {
    const pair = { cert: `${cert.trim()}\n`, key: `${keys[index]?.trim()}\n` };
    try {
      return [{ ...matching(pair, "an authority"), ...validityOf(pair) }];
    } catch {
      return [];
    }
  });
}
