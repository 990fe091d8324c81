// Makes the parts of tier netns.
import { provideLab } from "../support/lab.ts";
import { setUp } from "../support/parts.ts";

export default setUp(provideLab);
