// Credentials from an `auth-provider` of the kubeconfig, such as OpenID Connect.
import { KubeConfig } from "@kubernetes/client-node/dist/config.js";

/** The Authorization header, renewed where it has expired. */
export async function authorizationOf(kubeconfig: string): Promise<string | undefined> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: { headers?: Record<string, string> } = {};
  await config.applyToHTTPSOptions(options);
  return options.headers?.Authorization;
}
