// How findings are printed: for people, for programs, for what shows them beside the lines of a file.

import type { Finding } from "../../packages/core/documents.ts";
import { plain, plainJson } from "../log/visible.ts";
import type { Format } from "./linting.ts";

export interface Place {
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 units. */
  column: number;
}

/** A finding in a file. */
export interface Located extends Place, Pick<Finding, "rule" | "severity" | "path" | "found" | "remedy"> {
  file: string;
  /** Behind the last character. */
  endLine: number;
  endColumn: number;
  within: string | undefined;
}

/** Name of a format -> what prints it. */
export const FORMATS: Record<Format, (findings: Located[], version: string) => string> = {
  text: lines(({ file, line, column, severity, found, remedy, rule }) =>
    plain(`${file}:${line}:${column}: ${severity}: ${found}; ${remedy} [${rule}]`),
  ),
  json: (findings) => `${plainJson(findings)}\n`,
  sarif: (findings, version) => `${plainJson(sarif(findings, version))}\n`,
  github: lines(({ file, line, column, severity, found, remedy, rule }) => {
    const level = severity === "note" ? "notice" : severity;
    return `::${level} file=${property(file)},line=${line},col=${column},title=${rule}::${data(`${found}; ${remedy}`)}`;
  }),
};

function lines(print: (finding: Located) => string): (findings: Located[]) => string {
  return (findings) => findings.map((finding) => `${print(finding)}\n`).join("");
}

/** Source: GitHub's workflow commands, as actions/toolkit escapes them. There is no line break left. */
function data(text: string): string {
  return plain(text).replaceAll("%", "%25");
}

function property(text: string): string {
  return data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
}

/** Source: SARIF 2.1.0 (OASIS), section 3. */
function sarif(findings: Located[], version: string): unknown {
  const rules = [...new Set(findings.map(({ rule }) => rule))];
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "plexus lint", version, rules: rules.map((id) => ({ id })) } },
        columnKind: "utf16CodeUnits",
        results: findings.map((one) => ({
          ruleId: one.rule,
          ruleIndex: rules.indexOf(one.rule),
          level: one.severity,
          message: { text: plain(`${one.found}; ${one.remedy}`) },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(one.file.toWellFormed()) },
                region: {
                  startLine: one.line,
                  startColumn: one.column,
                  endLine: one.endLine,
                  endColumn: one.endColumn,
                },
              },
              logicalLocations: [{ fullyQualifiedName: plain(`${one.path}${one.within ?? ""}`) }],
            },
          ],
        })),
      },
    ],
  };
}
