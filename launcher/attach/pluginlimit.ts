// How long a plugin may take where no runtime ends a call that takes too long.
import type { Settings } from "../../packages/core/index.ts";

/** Returns the settings, by which a plugin is ended after `seconds` at the latest, whatever the conf allows. */
export function withPluginLimit(settings: Settings, seconds: number): Settings {
  const { delegateTimeoutSeconds: own } = settings;
  return own > 0 && own <= seconds ? settings : { ...settings, delegateTimeoutSeconds: seconds };
}
