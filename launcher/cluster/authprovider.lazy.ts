// Credentials from an `auth-provider` in a kubeconfig, such as OpenID Connect.
import { statSync } from "node:fs";
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";

/** How long a token counts that does not say when it expires. */
const UNKNOWN_LIFE_MS = 60_000;

/** Path -> the kubeconfig, as long as its file is the same: it keeps the refresh token that a provider has given last. */
const loaded = new Map<string, { config: KubeConfig; changed: number }>();

/** Returns the Authorization header, renewed if it has expired; and when it expires, in ms since 1970. */
export async function authorizationOf(kubeconfig: string) {
  const changed = statSync(kubeconfig).ctimeMs;
  let known = loaded.get(kubeconfig);
  if (known?.changed !== changed) {
    known = { config: new KubeConfig(), changed };
    known.config.loadFromFile(kubeconfig);
    loaded.set(kubeconfig, known);
  }
  const options: { headers?: Record<string, string> } = {};
  await known.config.applyToHTTPSOptions(options);
  const authorization = options.headers?.Authorization;
  return { authorization, expires: expiryOf(authorization) };
}

/** Reads `exp` of a JSON Web Token. Source: RFC 7519, section 4.1.4. */
function expiryOf(authorization = ""): number {
  try {
    const [, claims = ""] = authorization.split(".");
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp?: unknown };
    if (typeof exp === "number") return exp * 1000;
  } catch {
    // It is not a JSON Web Token.
  }
  return Date.now() + UNKNOWN_LIFE_MS;
}
