// Plexus's conf as the runtime hands it to Plexus: of a conflist, the plugin of it that is Plexus, with what is the list's.
// Source: CNI spec 1.1.0, section 3 "Deriving request configuration from plugin configuration".

type Json = Record<string, unknown>;

const META = /^(plexus|multus)(-shim|-cni)?$/;

/** Returns what is on Plexus's stdin, as JSON; undefined if a conf is not Plexus's. */
export function plexusConfIn(text: string): string | undefined {
  const conf = objectIn(text);
  if (conf === undefined) return undefined;
  if (!Array.isArray(conf.plugins)) return isPlexus(conf) ? text : undefined;
  const plugin = (conf.plugins as unknown[]).find((one): one is Json => isObject(one) && isPlexus(one));
  if (plugin === undefined) return undefined;
  const { name, cniVersion } = conf;
  return JSON.stringify({ ...plugin, ...(name === undefined ? {} : { name }), cniVersion });
}

function isPlexus({ type, clusterNetwork, delegates }: Json): boolean {
  const isMeta = typeof type === "string" && META.test(type);
  return isMeta || clusterNetwork !== undefined || delegates !== undefined;
}

function objectIn(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
