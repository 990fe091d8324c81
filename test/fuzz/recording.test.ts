import { fuzz } from "./fuzz.ts";

fuzz(["json", "outcome", "remember", "recover", "convert", "status"]);
