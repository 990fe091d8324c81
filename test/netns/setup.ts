// Makes the parts of tier netns.
import { ensureLab } from "../../scripts/provide/lab.ts";
import { setUp } from "../support/parts.ts";

export default setUp(ensureLab);
