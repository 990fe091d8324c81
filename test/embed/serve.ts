// Serves files to a browser.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join, normalize } from "node:path";

/** Serves what is below a directory, on a port of this machine's own. */
export async function serve(dir: string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    try {
      const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
      const content = readFileSync(join(dir, path));
      response.writeHead(200, path.endsWith(".html") ? { "content-type": "text/html" } : {}).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}`, server };
}
