import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { findTools } from "../clients/dumpTools";
import { BadInput } from "../request";
import { CouldNotLook } from "../result";
import { type Examination } from "./examination";
import { outputOf, type RunOptions } from "./programs";

/** What the machine at hand has: versions of Node, packages, engine and plugins, and PostgreSQL's programs. */

const MANIFEST = z.object({
  version: z.string().optional(),
  engines: z.object({ node: z.string() }).optional(),
  dependencies: z.record(z.string(), z.string()).default({}),
});

/** The plugins that the program needs, by the package whose version they have. */
const PLUGINS: Readonly<Record<string, string>> = {
  aws: "@pulumi/aws",
  command: "@pulumi/command",
  kubernetes: "@pulumi/kubernetes",
  random: "@pulumi/random",
};

/** @throws BadInput outside of the project's folder */
export async function examineMachine(
  exam: Examination,
  options: RunOptions & { readonly node: string },
): Promise<void> {
  const manifest = await manifestOf(options.folder);
  if (manifest === undefined) {
    throw new BadInput(`${options.folder} has no package.json. Expected: the project's folder as working directory.`);
  }
  examineNode(exam, options.node, manifest.engines?.node ?? ">=20.19.0");
  await Promise.all([
    exam.look(async () => {
      const npm = await outputOf("npm", ["--version"], options);
      if (npm === undefined) missing(exam, "npm", "it comes with Node: install Node from its own packages");
      else exam.well("npm", npm.trim());
    }),
    exam.look(() => examinePackages(exam, options.folder, manifest.dependencies)),
  ]);
  exam.note("kubectl and helm are not needed: the program brings its own clients");
}

function examineNode(exam: Examination, version: string, range: string): void {
  const least = range.replace(">=", "");
  if (compareVersions(version, least) >= 0) {
    exam.well("Node", version);
    return;
  }
  exam.finding({
    subject: "Node",
    seen: version,
    expected: `${least} or later`,
    remedy: "install Node 20, 22 or 24, for instance: nvm install 24",
  });
}

/** Every dependency is there in the version that package.json pins. */
async function examinePackages(
  exam: Examination,
  folder: string,
  dependencies: Readonly<Record<string, string>>,
): Promise<void> {
  const wrong: string[] = [];
  for (const [name, pinned] of Object.entries(dependencies)) {
    const found = (await manifestOf(join(folder, "node_modules", name)))?.version;
    if (found !== pinned) wrong.push(`${name} ${found ?? "is missing"} instead of ${pinned}`);
  }
  if (wrong.length === 0) {
    exam.well("packages", `${Object.keys(dependencies).length} in the pinned versions`);
    return;
  }
  const more = wrong.length > 3 ? `, and ${wrong.length - 3} more` : "";
  exam.finding({
    subject: "packages",
    seen: `${wrong.slice(0, 3).join(", ")}${more}`,
    expected: "what package-lock.json pins",
    remedy: "npm ci",
  });
}

/**
 * The Pulumi CLI in the SDK's version. Without a stack it is only told: the rehearsal finds or builds its own.
 * @returns whether it can be asked for more
 */
export async function examineEngine(
  exam: Examination,
  options: RunOptions & { readonly forStack: boolean },
): Promise<boolean> {
  const wanted = (await manifestOf(join(options.folder, "node_modules/@pulumi/pulumi")))?.version;
  // The packages are told as missing by then.
  if (wanted === undefined) return false;
  const environment = { ...options.environment, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const said = await outputOf("pulumi", ["version"], { ...options, environment });
  const remedy = `install it and put it first on PATH: curl -fsSL https://get.pulumi.com | sh -s -- --version ${wanted}`;
  if (said === undefined) {
    if (options.forStack) missing(exam, "Pulumi CLI", remedy, `v${wanted}`);
    else exam.note(`no Pulumi CLI on PATH: the rehearsal finds or builds v${wanted} by itself`);
    return false;
  }
  const found = said.trim().replace(/^v/, "");
  if (found === wanted) exam.well("Pulumi CLI", `v${found}, as the SDK`);
  else {
    exam.finding({
      subject: "Pulumi CLI",
      seen: `v${found}`,
      expected: `v${wanted}, the version of the SDK (@pulumi/pulumi)`,
      remedy,
    });
  }
  return true;
}

const INSTALLED = z.array(z.object({ name: z.string(), kind: z.string(), version: z.string().optional() }));

/** The night is no time for downloads: every plugin is there, in the version of its package. */
export async function examinePlugins(exam: Examination, options: RunOptions): Promise<void> {
  const said = await outputOf("pulumi", ["plugin", "ls", "--json"], options);
  const parsed = INSTALLED.safeParse(jsonOf(said));
  if (!parsed.success) {
    throw new CouldNotLook("plugins", "pulumi plugin ls --json gave no list", "run it by hand and mend what it says");
  }
  for (const [name, packageName] of Object.entries(PLUGINS)) {
    const wanted = (await manifestOf(join(options.folder, "node_modules", packageName)))?.version;
    if (wanted === undefined) continue;
    const versions = parsed.data
      .filter((one) => one.kind === "resource" && one.name === name)
      .map((one) => one.version);
    if (versions.includes(wanted)) {
      exam.well(`plugin ${name}`, `v${wanted}`);
      continue;
    }
    exam.finding({
      subject: `plugin ${name}`,
      seen: versions.length === 0 ? "not installed" : `only ${versions.map((one) => one ?? "?").join(", ")}`,
      expected: `v${wanted}, the version of ${packageName}`,
      remedy: `pulumi plugin install resource ${name} v${wanted}`,
    });
  }
}

/** @param major of database A where a dump copies it; undefined where RDS does */
export async function examineDumpTools(
  exam: Examination,
  major: number | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<void> {
  if (major === undefined) {
    exam.note("pg_dump and pg_restore are not needed: no dump is the source of database B here");
    return;
  }
  const { version } = await findTools(major, environment);
  exam.well("pg_dump, pg_restore", version);
}

async function manifestOf(folder: string): Promise<z.output<typeof MANIFEST> | undefined> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : MANIFEST.parse(JSON.parse(text));
}

function missing(exam: Examination, subject: string, remedy: string, expected = "on PATH"): void {
  exam.finding({ subject, seen: "there is none on PATH", expected, remedy });
}

function jsonOf(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}

/** Below 0, 0 or above 0, as `a` is older than, the same as, or newer than `b`. Numbers only, `20.19.0`. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(".").map((part) => Number.parseInt(part, 10) || 0));
  for (const index of [0, 1, 2]) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
