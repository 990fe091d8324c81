// What `helm template` makes of a chart, for charts whose templates need no more of Helm than fake-helm.go has.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { fromJSONSchema } from "zod";
import { ensureGoProgram } from "../../scripts/provide/go.ts";
import { type Manifest, objectsIn } from "./kustomize.ts";

const PROGRAM = fileURLToPath(new URL("fake-helm.go", import.meta.url));
const SPRIG = "golang-github-masterminds-sprig-dev";
const IMPORTED = [
  "golang-github-masterminds-goutils-dev",
  "golang-github-masterminds-semver-dev",
  "golang-github-huandu-xstrings-dev",
  "golang-github-google-uuid-dev",
  "golang-github-imdario-mergo-dev",
  "golang-github-shopspring-decimal-dev",
  "golang-github-mitchellh-copystructure-dev",
  "golang-github-mitchellh-reflectwalk-dev",
  "golang-github-spf13-cast-dev",
  "golang-golang-x-crypto-dev",
  "golang-gopkg-yaml.v3-dev",
];

export type Values = Record<string, unknown>;

/** A chart's values with others laid over them, as `--values` does. */
export function valuesOf(dir: string, over: Values = {}): Values {
  return laidOver(parse(fs.readFileSync(join(dir, "values.yaml"), "utf8")), over);
}

/**
 * Renders a chart's templates.
 *
 * @throws Error where the chart's schema refuses the values, or a template cannot be rendered
 */
export function rendered(dir: string, over: Values = {}, namespace = "kube-system"): Manifest[] {
  const values = valuesOf(dir, over);
  fromJSONSchema(JSON.parse(fs.readFileSync(join(dir, "values.schema.json"), "utf8"))).parse(values);
  const chart = parse(fs.readFileSync(join(dir, "Chart.yaml"), "utf8"));
  const templates = Object.fromEntries(
    fs
      .readdirSync(join(dir, "templates"))
      .map((name) => [name, fs.readFileSync(join(dir, "templates", name), "utf8")]),
  );
  const seen = {
    Values: values,
    Release: { Name: "plexus", Namespace: namespace, Service: "Helm" },
    Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
  };
  const input = JSON.stringify({ templates, values: seen });
  const text = execFileSync(ensureGoProgram(PROGRAM, [SPRIG, ...IMPORTED]), { input, encoding: "utf8" });
  return objectsIn(text).filter((object) => object !== null);
}

function laidOver(under: Values, over: Values): Values {
  const isObject = (value: unknown): value is Values =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  const merged = Object.entries(over).map(([key, value]): [string, unknown] => {
    const below = under[key];
    return [key, isObject(value) && isObject(below) ? laidOver(below, value) : value];
  });
  return { ...under, ...Object.fromEntries(merged) };
}
