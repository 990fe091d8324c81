import { fuzz } from "./fuzz.ts";

fuzz(["netconf", "environment", "describe", "selection", "plan", "invoke"]);
