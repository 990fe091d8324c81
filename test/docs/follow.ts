// Follows a page to its end, and keeps what has become of its blocks for the report.
import { type Ground, Trial } from "./page.ts";
import { type Page, REASONS } from "./pages.ts";
import { forget, keep } from "./report.ts";

/** Throws at the first block that does not do what the page says. */
export async function follow<On extends Ground>(ground: On, page: Page<On>): Promise<void> {
  const { path, prepare, unexecuted, fake } = page;
  forget(path);
  const end = await prepare?.(ground);
  try {
    const tried = await new Trial(ground, path, REASONS).run(unexecuted);
    keep(
      path,
      tried.map((one) => (fake === undefined ? one : { ...one, result: `${one.result}; ${fake}` })),
    );
  } finally {
    await end?.();
  }
}
