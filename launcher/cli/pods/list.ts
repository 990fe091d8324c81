// A list of the API, page by page: what is not kept of an object is not in memory when the next one is read.
import type { JsonObject } from "../../cluster/json.ts";
import { refusal, statusOf } from "../../cluster/refusal.ts";
import { ListReader } from "../../cluster/stream.ts";
import type { Transport } from "../../cluster/transport.ts";

const OBJECTS_A_PAGE = 500;
/** A server gives a list up after 60 s. */
const SILENCE_MS = 70_000;

/**
 * Gets all objects of a list.
 *
 * @param path with a query; parameters are appended to it
 * @param take takes each object, and returns false if it has had enough
 * @returns true if pages are of several moments, as the server has forgotten the first one
 * @throws Fault if the server refuses, or the connection breaks
 */
export async function listObjects(
  api: Transport,
  what: string,
  path: string,
  take: (object: JsonObject) => boolean,
): Promise<boolean> {
  let [isTorn, isEnough] = [false, false];
  for (let next = ""; ; ) {
    const page = `${path}&limit=${OBJECTS_A_PAGE}${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`;
    const reader = new ListReader(what, (object) => {
      isEnough ||= !take(object);
    });
    const signal = new AbortController().signal;
    const answer = await api.follow(page, { read: (piece) => reader.read(piece) }, SILENCE_MS, signal);
    if (answer === undefined) {
      next = reader.end().at("metadata").text("continue");
    } else {
      // The token for the rest, as it is now. Source: Kubernetes API concepts, "Retrieving large results sets in chunks".
      const rest = answer.status === 410 && next !== "" ? continueIn(answer.body) : "";
      if (rest === "" || rest === next) throw refusal(api.connection, { method: "GET", path: page }, answer);
      [next, isTorn] = [rest, true];
    }
    if (next === "" || isEnough) return isTorn;
  }

  function continueIn(body: Buffer): string {
    const status = statusOf({ body } as Parameters<typeof statusOf>[0]) as {
      metadata?: { continue?: unknown };
    };
    const token = status?.metadata?.continue;
    return typeof token === "string" ? token : "";
  }
}
