// What a tier needs beside the build is made before its first test, as what takes minutes does not fit into a test's
// time. A tier whose parts cannot be had fails alone, test by test: see runner.ts.
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Why the tier has no parts; undefined if it has them. */
    missingParts?: string;
  }
}

/**
 * Makes a tier's `globalSetup` of what makes its parts.
 *
 * @param provide throws where they cannot be had
 */
export function setUp(provide: () => void): (project: TestProject) => void {
  return (project) => {
    try {
      provide();
    } catch (error) {
      const why = `tier ${project.name}: its parts cannot be had: ${(error as Error).message}`;
      process.stderr.write(`${why}\n`);
      project.provide("missingParts", why);
    }
  };
}
