import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../engine/run";
import { type Values } from "../charts";

/** One call of the real Helm. */
export interface HelmCall {
  readonly helm: string;
  /** Folder for Helm's own files: nothing of the user's is read or changed. */
  readonly home: string;
  /** Path of a chart archive or folder. */
  readonly chart: string;
  readonly name: string;
  readonly namespace: string;
  /** May hold secrets: they go by a file of this user's, never on the command line. */
  readonly values: Values;
}

const INSTALL_SECONDS = 240;
const TEMPLATE_SECONDS = 60;

async function call(
  { helm, home, values }: HelmCall,
  args: readonly string[],
  limitSeconds: number,
  env: Readonly<Record<string, string>>,
): Promise<string> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(home, "values-"));
  try {
    const file = join(folder, "values.json");
    await writeFile(file, JSON.stringify(values), { mode: 0o600 });
    const result = await run(helm, [...args, "--values", file], {
      env: {
        PATH: process.env["PATH"],
        HOME: home,
        HELM_CACHE_HOME: join(home, "cache"),
        HELM_CONFIG_HOME: join(home, "config"),
        HELM_DATA_HOME: join(home, "data"),
        ...env,
      },
      limitSeconds,
    });
    if (result.failure !== undefined) {
      throw new Error(
        `\`helm ${args.slice(0, 2).join(" ")}\` ${result.failure}: ${result.lastLines.slice(-5).join(" | ")}`,
      );
    }
    return result.stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `helm install --wait`, as a cluster's owners do it. @throws Error with Helm's own words */
export async function helmInstall(installation: HelmCall & { readonly kubeconfigPath: string }): Promise<void> {
  const { name, chart, namespace, kubeconfigPath } = installation;
  const wait = ["--create-namespace", "--wait", "--timeout", `${INSTALL_SECONDS - 30}s`];
  await call(installation, ["install", name, chart, "--namespace", namespace, ...wait], INSTALL_SECONDS, {
    KUBECONFIG: kubeconfigPath,
  });
}

/** `helm template`: the objects as YAML, without any cluster. @throws Error with Helm's own words */
export async function helmTemplate(request: HelmCall): Promise<string> {
  const { name, chart, namespace } = request;
  // No cluster is asked, and so none must be found by accident.
  const env = { KUBECONFIG: join(request.home, "none") };
  return call(request, ["template", name, chart, "--namespace", namespace], TEMPLATE_SECONDS, env);
}
