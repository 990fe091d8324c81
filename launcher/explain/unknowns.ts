// What nobody can know before an ADD: addresses that an IPAM plugin will choose, MACs, devices, the container's ID.
//
// How it works: the core checks all that it is given, so each of these is a value that is valid, and that nobody uses, as long
// as an ADD is played through; what comes out of that is shown with `<words>` instead.

/** Valid, and in nobody's use: of class E, of an unassigned block, locally administered. */
const PREFIXES = { 4: "240.112.", 6: "3fff:fff0:1108:", mac: "02:70:6c:78:" } as const;

export class Unknowns {
  private readonly words = new Map<string, string>();
  private count = 0;

  /**
   * Returns an address with its prefix length.
   *
   * @param what it will be, for who reads it: `address of 10.1.0.0/24`
   */
  address(what: string, family: 4 | 6 = 4): string {
    const number = ++this.count;
    const address =
      family === 4
        ? `${PREFIXES[4]}${number >> 8}.${number & 255}`
        : `${PREFIXES[6]}:${number.toString(16)}`.replace("::", "::0:");
    const cidr = `${address}/${family === 4 ? 32 : 128}`;
    this.words.set(cidr, what).set(address, what);
    return cidr;
  }

  mac(what = "MAC"): string {
    const number = ++this.count;
    const octets = [number >> 8, number & 255].map((octet) => octet.toString(16).padStart(2, "0"));
    return this.known(`${PREFIXES.mac}${octets.join(":")}`, what);
  }

  /** Returns a name: of a device, of a link, of a container. */
  name(what: string): string {
    return this.known(`unknown-${++this.count}-unknown`, what);
  }

  /** Returns a text with words for each value from here. */
  reveal(text: string): string {
    return this.replaced(text, (words) => words);
  }

  /** The same for JSON. */
  revealJson(json: string): string {
    return this.replaced(json, (words) => JSON.stringify(words).slice(1, -1));
  }

  private known(value: string, what: string): string {
    this.words.set(value, what);
    return value;
  }

  private replaced(text: string, quoted: (words: string) => string): string {
    if (this.words.size === 0) return text;
    const values = [...this.words.keys()].sort((one, other) => other.length - one.length);
    const any = new RegExp(values.map((value) => value.replaceAll(/[.:/]/g, "\\$&")).join("|"), "g");
    return text.replace(any, (value) => quoted(`<${this.words.get(value)}>`));
  }
}
