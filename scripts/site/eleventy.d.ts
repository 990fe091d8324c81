// What of Eleventy is used here: it has no types of its own. Source: 11ty.dev/docs/programmatic, 11ty.dev/docs/config.
declare module "@11ty/eleventy" {
  /** A page that is being written. */
  interface Written {
    page: { inputPath: string; outputPath: string | false };
  }

  export interface Config {
    ignores: Set<string>;
    setLibrary(extension: "md", library: { render(text: string, data: unknown): string }): void;
    setTemplateFormats(formats: string[]): void;
    addTemplate(path: string, content: string, data?: Record<string, unknown>): void;
    addGlobalData(name: string, value: unknown): void;
    addTransform(name: string, transform: (this: Written, content: string) => string): void;
    addPassthroughCopy(from: Record<string, string>): void;
    setQuietMode(isQuiet: boolean): void;
    setUseGitIgnore(isUsed: boolean): void;
  }

  interface Options {
    config: (config: Config) => unknown;
    quietMode: boolean;
    configPath: false;
  }

  export default class Eleventy {
    constructor(input: string, output: string, options: Options);
    write(): Promise<unknown>;
  }
}
