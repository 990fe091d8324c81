// Credentials from an `auth-provider` in a kubeconfig, such as OpenID Connect.
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";

/** Returns the Authorization header, renewed if it has expired. */
export async function authorizationOf(kubeconfig: string): Promise<string | undefined> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return options.headers?.Authorization;
}
