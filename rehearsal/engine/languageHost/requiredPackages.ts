import { existsSync, readdirSync, readFileSync, realpathSync, statSync, type Dirent } from "node:fs";
import { basename, join, resolve } from "node:path";

/** A package that a program may use, as its `package.json` describes it for Pulumi. */
export interface RequiredPackage {
  /** The plugin's name, as `aws`. */
  readonly name: string;
  /** With a leading "v". */
  readonly version: string;
  /** Where the plugin is downloaded from; empty: Pulumi's own place. */
  readonly server: string;
  /** Set for a package that is another plugin with a parameter. */
  readonly parameterization?: Parameterization;
}

export interface Parameterization {
  readonly name: string;
  readonly version: string;
  /** base64 */
  readonly value: string;
}

/** What is read of a `package.json`. Everything in it is somebody else's, so nothing is taken for granted. */
interface Manifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly pulumi?: {
    readonly resource?: unknown;
    readonly name?: unknown;
    readonly version?: unknown;
    readonly server?: unknown;
    readonly parameterization?: Parameterization;
  };
}

const POLICY_PACK_FILES = ["PulumiPolicy.json", "PulumiPolicy.yaml", "PulumiPolicy.yml"];

/**
 * All packages with a resource plugin that are installed below a folder: every `package.json` below any `node_modules`
 * whose section `pulumi` says `resource: true`. Links are followed once each; policy packs have plugins of their own and
 * are left out.
 *
 * The engine has the plugin of each of them installed before the program starts, and takes the version of its default
 * providers from here. With automatic plugin acquisition disabled it installs none, and only a resource of a plugin that is
 * neither on `PATH` nor in the engine's home fails.
 *
 * As in the real host, a folder that cannot be read, a broken link, and a package that lacks a name or a version add
 * nothing, and are no error.
 */
export function requiredPackages(programFolder: string): readonly RequiredPackage[] {
  const found: RequiredPackage[] = [];
  const visited = new Set<string>();
  // A stack of its own instead of recursion: the tree's depth is not in this program's hands.
  const pending = [{ folder: resolve(programFolder), installed: false }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { folder, installed } = next;
    if (visited.has(folder)) {
      continue;
    }
    visited.add(folder);
    const inside = installed || basename(folder) === "node_modules";
    for (const entry of entriesOf(folder)) {
      const at = resolved(folder, entry);
      if (at?.isFolder === true) {
        if (!isPolicyPack(at.path)) {
          pending.push({ folder: at.path, installed: inside });
        }
      } else if (at !== undefined && installed && entry.name === "package.json") {
        const described = describe(at.path);
        if (described !== undefined) {
          found.push(described);
        }
      }
    }
  }
  return found;
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function resolved(folder: string, entry: Dirent): { readonly path: string; readonly isFolder: boolean } | undefined {
  const path = join(folder, entry.name);
  if (!entry.isSymbolicLink()) {
    return { path, isFolder: entry.isDirectory() };
  }
  try {
    const target = realpathSync(path);
    return { path: target, isFolder: statSync(target).isDirectory() };
  } catch {
    return undefined;
  }
}

function isPolicyPack(folder: string): boolean {
  return POLICY_PACK_FILES.some((name) => existsSync(join(folder, name)));
}

function describe(file: string): RequiredPackage | undefined {
  const manifest = readManifest(file);
  const { pulumi } = manifest;
  if (pulumi?.resource !== true) {
    return undefined;
  }
  const name = text(pulumi.name) ?? pluginNameOf(text(manifest.name));
  const version = text(pulumi.version) ?? text(manifest.version);
  if (name === undefined || version === undefined) {
    return undefined;
  }
  return {
    name,
    version: version.startsWith("v") ? version : `v${version}`,
    server: text(pulumi.server) ?? "",
    ...(pulumi.parameterization !== undefined && { parameterization: pulumi.parameterization }),
  };
}

function readManifest(file: string): Manifest {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof content === "object" && content !== null ? content : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Outside the scope `@pulumi` a package must name its plugin itself. */
function pluginNameOf(packageName: string | undefined): string | undefined {
  return packageName?.startsWith("@pulumi/") === true ? packageName.slice("@pulumi/".length) : undefined;
}
