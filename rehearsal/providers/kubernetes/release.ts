import { randomBytes } from "node:crypto";
import { kindOf, qualifiedPlural } from "../../cloud/kubernetes/api/kinds";
import { isFields } from "../../cloud/kubernetes/api/fields";
import { UnreachableError } from "../../cloud/kubernetes/client";
import {
  Helm,
  ReleaseFailed,
  knownChart,
  readChart,
  type ReleaseRecord,
  type ReleaseRequest,
} from "../../kubernetes/charts";
import { checkValues } from "../../kubernetes/charts/values";
import {
  PartialFailure,
  UNKNOWN,
  containsUnknown,
  type Failure,
  type Props,
  type ResourceContext,
  type ResourceType,
} from "../framework";
import { defaultNamespace, openClient } from "./settings";

/** Helm's and the real provider's default, in seconds. */
const DEFAULT_TIMEOUT_SECONDS = 300;

/** Settings whose effect the stand-in does not model; `false`, empty or absent is fine. */
const UNMODELLED = [
  "atomic",
  "dependencyUpdate",
  "devel",
  "forceUpdate",
  "keyring",
  "manifest",
  "postrender",
  "recreatePods",
  "replace",
  "repositoryOpts",
  "reuseValues",
  "takeOwnership",
  "valueYamlFiles",
  "verify",
] as const;

function isSet(value: unknown): boolean {
  return (
    value !== undefined &&
    value !== false &&
    value !== "" &&
    !(typeof value === "object" && value !== null && Object.keys(value).length === 0)
  );
}

function unmodelled(news: Props): Failure[] {
  return UNMODELLED.filter((name) => isSet(news[name])).map((property) => ({
    property,
    reason:
      "is not modelled by the rehearsal's stand-in, which knows local chart archives and plain values: leave it out",
  }));
}

/**
 * What the real provider sees at check: it loads the chart whenever all inputs are known, so a chart that is gone fails
 * every operation that looks at the release, changed or not. A targeted operation does not look at others.
 */
async function checkChart(news: Props): Promise<Failure[]> {
  const { chart, values, version } = news;
  if (typeof chart !== "string" || chart === UNKNOWN) {
    return [];
  }
  let metadata;
  try {
    metadata = await readChart(chart);
  } catch (error) {
    const reason = `${error instanceof Error ? error.message : String(error)}; check the chart name and repository configuration.`;
    return containsUnknown(news) ? [] : [{ property: "chart", reason }];
  }
  try {
    const known = knownChart(metadata);
    const wrongVersion =
      typeof version === "string" && version !== UNKNOWN && version !== metadata.version
        ? [{ property: "version", reason: `is ${version}, and the archive holds ${metadata.name} ${metadata.version}` }]
        : [];
    const given = isFields(values) ? values : {};
    const findings = checkValues({ ...known.valuePaths, ...known.morePaths }, given, (value) => value === UNKNOWN);
    return [...wrongVersion, ...findings.map(({ path, reason }) => ({ property: `values.${path}`, reason }))];
  } catch (error) {
    return [{ property: "chart", reason: error instanceof Error ? error.message : String(error) }];
  }
}

function outputsOf(record: ReleaseRecord): Props {
  const { name, namespace, version: revision, info, chart } = record;
  const { name: chartName, version, appVersion } = chart.metadata;
  const groups = new Map<string, string[]>();
  for (const { apiVersion, kind, metadata } of record.manifest) {
    const known = kindOf(apiVersion, kind);
    const group =
      known === undefined || known.group === ""
        ? kind
        : `${kind}.${qualifiedPlural(known).split(".").slice(1).join(".")}`;
    const key = `${group}/${apiVersion}`;
    groups.set(key, [...(groups.get(key) ?? []), `${metadata.namespace}/${metadata.name}`].sort());
  }
  return {
    name,
    namespace,
    version,
    resourceNames: Object.fromEntries([...groups].sort(([a], [b]) => (a < b ? -1 : 1))),
    status: { appVersion, chart: chartName, name, namespace, revision, status: info.status, version },
  };
}

function requestOf(inputs: Props, at: { readonly namespace: string; readonly name: string }): ReleaseRequest {
  const { chart, values, timeout, skipAwait, createNamespace, description } = inputs;
  const seconds = typeof timeout === "number" ? timeout : DEFAULT_TIMEOUT_SECONDS;
  return {
    ...at,
    chart: String(chart),
    values: isFields(values) ? values : {},
    timeoutSeconds: skipAwait === true ? 0 : seconds,
    createNamespace: createNamespace === true,
    ...(typeof description === "string" ? { description } : {}),
  };
}

/** The partial failure of a release that is there and not well; every other error as it is. */
function failure(error: unknown, id: string, what: string): unknown {
  if (!(error instanceof ReleaseFailed)) {
    return error;
  }
  const reason =
    `Helm release "${id}" ${what}failed to initialize completely. Use Helm CLI to investigate: ` +
    `failed to become available within allocated timeout. Error: Helm Release ${id}: ${error.message}`;
  return new PartialFailure(id, outputsOf(error.record), [reason]);
}

function parse(id: string): { readonly namespace: string; readonly name: string } {
  const [namespace = "", name = ""] = id.split("/");
  return { namespace, name };
}

async function helmFor(ctx: ResourceContext): Promise<Helm> {
  return new Helm(await openClient(ctx), ctx.signal);
}

/** `helm.v3.Release` of the two charts of API7, from local archives. */
export const release: ResourceType = {
  token: "kubernetes:helm.sh/v3:Release",
  replaceOn: ["name", "namespace"],
  updatedOutputs: ["status", "resourceNames", "version"],

  async check(news) {
    return [...unmodelled(news), ...(await checkChart(news))];
  },

  async create(inputs, ctx) {
    const client = await openClient(ctx);
    const { name, namespace } = inputs;
    const at = {
      namespace: typeof namespace === "string" && namespace !== "" ? namespace : defaultNamespace(ctx, client),
      name:
        typeof name === "string" && name !== ""
          ? name
          : `${ctx.urn.split("::").at(-1) ?? "release"}-${randomBytes(4).toString("hex")}`,
    };
    const id = `${at.namespace}/${at.name}`;
    try {
      return { id, outputs: outputsOf(await new Helm(client, ctx.signal).install(requestOf(inputs, at))) };
    } catch (error) {
      if (error instanceof ReleaseFailed) {
        ctx.log(
          "warning",
          `Helm release "${at.name}" was created but has a failed status. Correct the error, then retry.`,
        );
      }
      throw failure(error, id, "was created, but ");
    }
  },

  async read(id, _state, ctx) {
    const { namespace, name } = parse(id);
    const record = await (await helmFor(ctx)).latest(namespace, name);
    return record === undefined ? undefined : { id, outputs: outputsOf(record) };
  },

  async update(id, _oldOutputs, news, _oldInputs, ctx) {
    try {
      return outputsOf(await (await helmFor(ctx)).upgrade(requestOf(news, parse(id))));
    } catch (error) {
      throw failure(error, id, "");
    }
  },

  async delete(id, outputs, ctx) {
    const { namespace, name } = parse(id);
    const { timeout } = outputs;
    try {
      const seconds = typeof timeout === "number" ? timeout : DEFAULT_TIMEOUT_SECONDS;
      await (await helmFor(ctx)).uninstall(namespace, name, seconds);
    } catch (error) {
      throw error instanceof UnreachableError
        ? new Error(`can't delete Helm Release with unreachable cluster. Reason: ${error.message}`, { cause: error })
        : error;
    }
  },
};
