import { access } from "node:fs/promises";
import { cliRoot, executableIn } from "./cache";
import { misfit, type Failed, type Found, type WayContext } from "./way";

/** The CLI that an earlier run kept. One that does not answer rightly is reported, and is replaced by the next way. */
export async function inCache(context: WayContext): Promise<Found | Failed> {
  const root = cliRoot(context.cacheFolder, context.version);
  const path = executableIn(root);
  const remedy = `put an executable \`pulumi\` of version v${context.version} for this machine at ${path}`;
  if (
    !(await access(path).then(
      () => true,
      () => false,
    ))
  ) {
    return { reason: `none kept from an earlier run at ${path}`, remedy };
  }
  const wrong = await misfit(path, context);
  if (wrong === undefined) {
    return { root, path };
  }
  const reason = `${path} is kept from an earlier run, but ${wrong}`;
  context.report(`${reason}; it will be replaced`);
  return { reason, remedy };
}
