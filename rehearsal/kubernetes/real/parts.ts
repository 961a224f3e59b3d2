import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The folder with one Go module for each group of programs that is built from the same dependencies. */
const MODULES_FOLDER = resolve(__dirname, "../../../tools/kubernetes");

/** The programs of the real tier. */
export const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "pulumi-resource-kubernetes",
  "helm",
] as const;
export type ProgramName = (typeof PROGRAMS)[number];

/** How one program is built and told from others of its name. */
export interface Program {
  readonly name: ProgramName;
  /** Folder of the go.mod and go.sum that pin it. */
  readonly folder: string;
  /** Its package, as `go build` takes it. */
  readonly package: string;
  /** Pinned version of the module that it comes from, as "v1.33.3". */
  readonly version: string;
  readonly linkerFlags: readonly string[];
  /** Minutes on two cores, nothing compiled before (facts/pulumi.md 7). */
  readonly minutes: number;
  /** What prints its version; undefined for a program that has no such call. */
  readonly versionCall: readonly string[] | undefined;
  /** What the answer must hold for a program found on `PATH`. */
  readonly fits: RegExp | undefined;
  /** Files of a module that the build lays beside the program's own: name there, path in the module. */
  readonly embeds?: { readonly module: string; readonly folder: string; readonly files: readonly string[] };
}

const PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4";
/** The provider's newest Go module that can be had; its version number is in no file of it (facts/pulumi.md 7). */
const PROVIDER_VERSION = "4.25.0";

/** What a go.mod pins a module to. @throws Error when it does not name it */
export function pinnedVersion(goMod: string, module: string, file: string): string {
  const escaped = module.replaceAll(/[.\\/]/g, "\\$&");
  const found = new RegExp(`^\\s*(?:require )?${escaped} (v\\S+)`, "m").exec(goMod)?.[1];
  if (found === undefined) {
    throw new Error(`${file} does not pin ${module}; take the file from the repository again`);
  }
  return found;
}

function versionIn(folder: string, module: string): string {
  const file = join(MODULES_FOLDER, folder, "go.mod");
  return pinnedVersion(readFileSync(file, "utf8"), module, file);
}

/** All programs, with the versions that the go.mod files pin. */
export function programs(): readonly Program[] {
  const kubernetes = versionIn("controlplane", "k8s.io/kubernetes");
  const etcd = versionIn("etcd", "go.etcd.io/etcd/server/v3");
  const helm = versionIn("provider", "helm.sh/helm/v3");
  const [major = "", minor = ""] = kubernetes.replace(/^v/, "").split(".");
  const versionPackage = "k8s.io/component-base/version";
  const ofKubernetes = (name: ProgramName, minutes: number): Program => ({
    name,
    folder: join(MODULES_FOLDER, "controlplane"),
    package: `k8s.io/kubernetes/cmd/${name}`,
    version: kubernetes,
    linkerFlags: [
      `-X ${versionPackage}.gitVersion=${kubernetes}`,
      `-X ${versionPackage}.gitMajor=${major}`,
      `-X ${versionPackage}.gitMinor=${minor}`,
    ],
    minutes,
    versionCall: ["--version"],
    fits: new RegExp(`^Kubernetes v${major}\\.${minor}\\.`, "m"),
  });
  return [
    {
      name: "etcd",
      folder: join(MODULES_FOLDER, "etcd"),
      package: "go.etcd.io/etcd/server/v3",
      version: etcd,
      linkerFlags: [],
      minutes: 0.5,
      versionCall: ["--version"],
      fits: /^etcd Version: 3\.[5-9]\./m,
    },
    ofKubernetes("kube-apiserver", 3),
    ofKubernetes("kube-controller-manager", 1),
    ofKubernetes("kube-scheduler", 0.2),
    {
      name: "pulumi-resource-kubernetes",
      folder: join(MODULES_FOLDER, "provider"),
      package: ".",
      version: `v${PROVIDER_VERSION}`,
      linkerFlags: [`-X ${PROVIDER}/pkg/version.Version=${PROVIDER_VERSION}`],
      minutes: 5.5,
      versionCall: undefined,
      // A plugin on PATH tells its version only to an engine.
      fits: undefined,
      embeds: {
        module: PROVIDER,
        folder: "cmd/pulumi-resource-kubernetes",
        files: ["schema.json", "terraform-mapping.json"],
      },
    },
    {
      name: "helm",
      folder: join(MODULES_FOLDER, "provider"),
      package: "helm.sh/helm/v3/cmd/helm",
      version: helm,
      linkerFlags: [`-X helm.sh/helm/v3/internal/version.version=${helm}`],
      minutes: 0.3,
      versionCall: ["version", "--short"],
      fits: /^v3\./m,
    },
  ];
}

/** Where a program that was built is kept: the digest of what pins it, and the platform, are part of the path. */
export function keptPath(cache: string, program: Program): string {
  const digest = createHash("sha256").update(JSON.stringify([program.package, program.version, program.linkerFlags]));
  for (const file of ["go.mod", "go.sum", ...(program.embeds === undefined ? [] : ["main.go"])]) {
    digest.update(readFileSync(join(program.folder, file)));
  }
  const key = digest.digest("hex").slice(0, 12);
  const folder = `${program.name}-${program.version}-${key}-${process.platform}-${process.arch}`;
  return join(cache, "kubernetes", folder, program.name);
}
