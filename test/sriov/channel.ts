// How the VM that is a node is asked to do something: over HTTP, by one question a request.
import type { Ended } from "../docs/terminal.ts";

/** A resource of the SR-IOV device plugin, as far as the pages use it. Source: its README, "Configurations". */
export interface Resource {
  resourcePrefix: string;
  resourceName: string;
  selectors: { pfNames?: string[]; drivers?: string[] }[];
}

/** To execute a program with its arguments, or to have a device plugin for these resources. */
export type Question = { execute: string[] } | { devices: Resource[] };

export const PORT = 7000;

/** Asks the VM at an address. */
export async function ask(address: string, question: Question): Promise<Ended> {
  const response = await fetch(`http://${address}:${PORT}/`, {
    method: "POST",
    body: JSON.stringify(question),
  });
  return (await response.json()) as Ended;
}
