import { ALL_KINDS, apiVersionOf, type Kind } from "./kinds";

/** Version that the cluster says it has. */
export const KUBERNETES_VERSION = {
  major: "1",
  minor: "33",
  gitVersion: "v1.33.3",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2025-07-15T18:00:00Z",
  goVersion: "",
  compiler: "",
  platform: "linux/amd64",
} as const;

const VERBS = ["create", "delete", "get", "list", "patch", "update"];

function resources(kinds: readonly Kind[]): readonly unknown[] {
  return kinds.flatMap(({ plural, kind, namespaced, subresources }) => [
    { name: plural, singularName: kind.toLowerCase(), namespaced, kind, verbs: VERBS },
    ...subresources.map((name) => ({ name: `${plural}/${name}`, singularName: "", namespaced, kind, verbs: ["get"] })),
  ]);
}

function versionsOf(group: string): readonly { readonly groupVersion: string; readonly version: string }[] {
  const versions = ALL_KINDS.filter((kind) => kind.group === group).map(({ version }) => version);
  return [...new Set(versions)].map((version) => ({ groupVersion: `${group}/${version}`, version }));
}

function groups(): readonly unknown[] {
  const names = [...new Set(ALL_KINDS.map(({ group }) => group))].filter((group) => group !== "");
  return names.map((name) => ({ name, versions: versionsOf(name), preferredVersion: versionsOf(name)[0] }));
}

/** Answers to the paths by which clients learn what the server serves; `undefined` for every other path. */
export function discover(pathname: string): unknown {
  const path = pathname.replace(/\/$/, "");
  if (path === "/version") {
    return KUBERNETES_VERSION;
  }
  if (path === "/api") {
    return { kind: "APIVersions", versions: ["v1"] };
  }
  if (path === "/apis") {
    return { kind: "APIGroupList", apiVersion: "v1", groups: groups() };
  }
  const groupVersion = path === "/api/v1" ? "v1" : /^\/apis\/([^/]+\/[^/]+)$/.exec(path)?.[1];
  const kinds = ALL_KINDS.filter((kind) => apiVersionOf(kind) === groupVersion);
  return groupVersion === undefined || kinds.length === 0
    ? undefined
    : { kind: "APIResourceList", apiVersion: "v1", groupVersion, resources: resources(kinds) };
}
