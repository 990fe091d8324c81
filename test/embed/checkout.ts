// A copy of the work tree's examples and of its core, and what its examples are built with.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureWabt } from "../../scripts/provide/wabt.ts";
import { ensureWazero } from "../../scripts/provide/wazero.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Makes sure of a compiler of C, wasm2c, Python, Go and wazero. */
export function ensureTools(): void {
  ensurePackages(["gcc", "libc6-dev", "make", "python3"]);
  ensureWabt();
  ensureWazero();
}

export class Checkout {
  readonly dir = mkdtempSync(join(tmpdir(), "plexus-embed-"));
  private readonly env: Record<string, string>;

  constructor() {
    const [go, wabt] = [ensureWazero(), ensureWabt()];
    mkdirSync(join(this.dir, "build"));
    cpSync(join(ROOT, "examples"), join(this.dir, "examples"), { recursive: true });
    cpSync(join(ROOT, "build/core.wasm"), join(this.dir, "build/core.wasm"));
    const GOWORK = join(this.dir, "go.work");
    writeFileSync(GOWORK, go.workspace([join(this.dir, "examples/go")]));
    const path = [
      dirname(process.execPath),
      go.bin,
      join(wabt, "usr/bin"),
      "/usr/bin",
      process.env.PATH ?? "",
    ];
    this.env = {
      ...go.env,
      GOWORK,
      PATH: path.join(delimiter),
      RUNTIME: join(wabt, "usr/share/wabt/wasm2c"), // of the Makefile: the package is not installed
      INCLUDE: join(wabt, "usr/include"),
    };
  }

  /** Executes a line of a shell in examples/. Returns its stdout; throws if it fails. */
  run(line: string): string {
    const { exitCode, stdout, stderr } = this.attempt(line);
    if (exitCode === 0) return stdout;
    throw new Error(`${line}: exit code ${exitCode}\n${stderr}`);
  }

  /** The same, and it may fail. */
  attempt(line: string, input = ""): { exitCode: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr, error } = spawnSync("sh", ["-c", line], {
      cwd: join(this.dir, "examples"),
      env: { ...process.env, ...this.env },
      encoding: "utf8",
      input,
      maxBuffer: 64 << 20,
    });
    if (error) throw error;
    return { exitCode: status, stdout, stderr };
  }

  /** Writes a file of examples/. */
  write(name: string, text: string): void {
    const path = join(this.dir, "examples", name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** Makes build/<name>/core.wasm of a module's text. */
  assemble(name: string, text: string): void {
    const dir = join(this.dir, "build", name);
    mkdirSync(dir);
    writeFileSync(join(dir, "core.wat"), text);
    this.run(`wat2wasm ../build/${name}/core.wat -o ../build/${name}/core.wasm`);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
