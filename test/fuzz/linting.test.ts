import { fuzz } from "./fuzz.ts";

fuzz(["lint"], "lint.wasm");
