// An answer that is not what was asked for, as a fault with what to do about it.
import { Code, Fault } from "../fault.ts";
import { clientCertificateProblem } from "./certificates.ts";
import { type Connection, urlOf } from "./connection.ts";
import type { ApiAnswer, ApiRequest } from "./http.ts";

/** The cause of a Fault if a right is missing. */
export const FORBIDDEN = "forbidden";

/** An error of Kubernetes. Source: apimachinery, meta/v1 Status. */
interface ApiStatus {
  message?: string;
  reason?: string;
}

/** Returns the Status in an answer; undefined if its body is something else. */
export function statusOf({ body }: ApiAnswer): ApiStatus | undefined {
  try {
    const status = JSON.parse(body.toString());
    return status?.kind === "Status" ? status : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Turns an answer into a Fault: code 7 if the server refuses us or the request, 11 if it may answer later, 6 if it does
 * not seem to be an API server.
 */
export function refusal(connection: Connection, { method, path }: ApiRequest, answer: ApiAnswer): Fault {
  const { status } = answer;
  const { source } = connection;
  const said = statusOf(answer)?.message ?? excerpt(answer);
  const asked = `${method} ${urlOf(connection, path)}: answered ${status}, ${said}`;
  if (status === 401) {
    const problem = clientCertificateProblem(connection);
    const advice = "the credentials have expired, or are another cluster's; renew those of";
    return new Fault(Code.invalidNetworkConfig, `${asked}: ${problem ?? `${advice} ${source}`}`);
  }
  if (status === 403)
    return new Fault(
      Code.invalidNetworkConfig,
      `${asked}; give the user of ${source} an RBAC role that allows it`,
      undefined,
      FORBIDDEN,
    );
  if (status === 429 || status >= 500)
    return new Fault(
      Code.tryAgainLater,
      `${asked}: the API server is overloaded or not ready, or what it needs is; see its log`,
    );
  if (statusOf(answer)) return new Fault(Code.invalidNetworkConfig, `${asked}; correct what it names`);
  return new Fault(Code.decodeFailure, `${asked}; see that the server of ${source} is an API server`);
}

function excerpt({ body, location }: ApiAnswer): string {
  if (location !== "") return `a redirection to ${location}`;
  const text = body.toString().trim();
  if (text === "") return "with an empty body";
  return text.startsWith("<") ? "an HTML page" : JSON.stringify(text.slice(0, 200));
}
