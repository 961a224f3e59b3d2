import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { KubeClient, resolveAccess, type AccessChoice } from "../../cloud/kubernetes/client";
import { UNKNOWN, type Failure, type Props, type ResourceContext } from "../framework";

/** Settings of the real provider that change what it does, and that the stand-in does not model. */
const UNMODELLED = ["renderYamlToDirectory", "alwaysRender", "deleteUnreachable", "skipUpdateUnreachable"] as const;

/** What the settings of a provider must hold for the stand-in. */
export function checkSettings(settings: Props): readonly Failure[] {
  const { kubeconfig } = settings;
  const missing =
    typeof kubeconfig === "string" && kubeconfig !== ""
      ? []
      : [
          {
            property: "kubeconfig",
            reason:
              "must be the path or the content of a kubeconfig: the rehearsal never takes the one of this computer",
          },
        ];
  const unmodelled = UNMODELLED.filter((name) => settings[name] !== undefined && settings[name] !== false);
  return [
    ...missing,
    ...unmodelled.map((property) => ({
      property,
      reason: "is not modelled by the rehearsal's stand-in: leave it out",
    })),
  ];
}

function choice({ context, cluster }: Props): AccessChoice {
  return {
    ...(typeof context === "string" ? { context } : {}),
    ...(typeof cluster === "string" ? { cluster } : {}),
  };
}

/** A client for the cluster of a resource's provider. @throws Error when the kubeconfig cannot be read */
export async function openClient({ config, signal }: ResourceContext): Promise<KubeClient> {
  return KubeClient.open(String(config["kubeconfig"]), choice(config), signal);
}

/** The namespace of what names none: the provider's, else the kubeconfig's. */
export function defaultNamespace({ config }: ResourceContext, client: KubeClient): string {
  const { namespace } = config;
  return typeof namespace === "string" && namespace !== "" ? namespace : client.access.namespace;
}

export function settingIs({ config }: ResourceContext, name: string): boolean {
  return config[name] === true;
}

/** The server that settings lead to; `undefined` when that cannot be told. */
function serverOf(settings: Props): string | undefined {
  const { kubeconfig } = settings;
  if (typeof kubeconfig !== "string" || kubeconfig === UNKNOWN) {
    return undefined;
  }
  try {
    const isContent = kubeconfig.includes("\n") || kubeconfig.trimStart().startsWith("{");
    const path = kubeconfig.startsWith("~/") ? join(homedir(), kubeconfig.slice(2)) : kubeconfig;
    return resolveAccess(isContent ? kubeconfig : readFileSync(path, "utf8"), choice(settings)).server;
  } catch {
    return undefined;
  }
}

/**
 * Which changed settings mean another cluster, so that everything in it has to be made anew. With the same
 * `clusterIdentifier` none does; another one always does; without one, another API server does (facts/pulumi.md 7).
 */
export function settingsThatReplace(olds: Props, news: Props): readonly string[] {
  const before = olds["clusterIdentifier"];
  const now = news["clusterIdentifier"];
  if (before !== undefined && now !== undefined) {
    return before === now ? [] : ["clusterIdentifier"];
  }
  const changed = ["kubeconfig", "context", "cluster"].filter((name) => olds[name] !== news[name]);
  if (changed.some((name) => news[name] === UNKNOWN)) {
    return changed;
  }
  const [old, next] = [serverOf(olds), serverOf(news)];
  return old !== undefined && next !== undefined && old !== next ? changed : [];
}
