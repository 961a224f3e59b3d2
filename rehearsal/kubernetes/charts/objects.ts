import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { type Values, at, map, text } from "./values";

/** An object as a chart renders it. */
export interface RenderedObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [key: string]: unknown;
}

/** What a chart is rendered for. */
export interface RenderContext {
  readonly release: string;
  readonly namespace: string;
  readonly chart: { readonly name: string; readonly version: string; readonly appVersion: string };
  /** Defaults and given values, merged. */
  readonly values: Values;
}

/** The longest name that Kubernetes takes for all of its kinds; Helm cuts there. */
function cut(name: string): string {
  return name.slice(0, 63).replace(/-$/, "");
}

/** `app.kubernetes.io/name` of everything in a release. */
export function chartName({ chart, values }: RenderContext): string {
  return cut(text(values, "nameOverride") || chart.name);
}

/**
 * Helm's full name: the override, else the release's name when it contains the chart's, else `<release>-<chart>`
 * (facts/api7.md 1.2).
 */
export function fullname(context: RenderContext): string {
  const { release, chart, values } = context;
  const override = text(values, "fullnameOverride");
  if (override !== "") {
    return cut(override);
  }
  const name = text(values, "nameOverride") || chart.name;
  return cut(release.includes(name) ? release : `${release}-${name}`);
}

export function selectorLabels(context: RenderContext): Record<string, string> {
  return { "app.kubernetes.io/name": chartName(context), "app.kubernetes.io/instance": context.release };
}

export function commonLabels(context: RenderContext): Record<string, string> {
  const { chart } = context;
  return {
    "helm.sh/chart": cut(`${chart.name}-${chart.version}`.replaceAll("+", "_")),
    ...selectorLabels(context),
    "app.kubernetes.io/version": chart.appVersion,
    "app.kubernetes.io/managed-by": "Helm",
  };
}

export function serviceAccountName(context: RenderContext): string {
  const name = text(context.values, "serviceAccount.name");
  const created = at(context.values, "serviceAccount.create") === true;
  return name !== "" ? name : created ? fullname(context) : "default";
}

/** The service account, when the values ask for one. */
export function serviceAccount(context: RenderContext): readonly RenderedObject[] {
  if (at(context.values, "serviceAccount.create") !== true) {
    return [];
  }
  const annotations = texts(map(context.values, "serviceAccount.annotations"));
  return [
    {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: {
        name: serviceAccountName(context),
        namespace: context.namespace,
        labels: commonLabels(context),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      },
    },
  ];
}

/** A map of texts, as labels and annotations are; other plain values become texts. */
export function texts(values: Values): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]));
}

/** YAML with sorted keys, as Helm's `toYaml` writes it. */
export function toYaml(value: unknown): string {
  return stringify(value, { sortMapEntries: true, lineWidth: 0 });
}

/** Changes when the ConfigMap changes, so that the pods are replaced then. */
export function checksum(configMap: RenderedObject): string {
  return createHash("sha256").update(toYaml(configMap)).digest("hex");
}

/** The entries that hold something: an empty map, list or text is left out, as the templates leave it out. */
export function present(entries: Readonly<Record<string, unknown>>): Values {
  return Object.fromEntries(
    Object.entries(entries).filter(([, value]) => {
      if (value === undefined || value === null || value === "") {
        return false;
      }
      return typeof value !== "object" || Object.keys(value).length > 0;
    }),
  );
}

/** @throws Error when a value asks for something that the stand-in does not model; `remedy` says what to set instead */
export function refuseIf(holds: boolean, path: string, remedy: string): void {
  if (holds) {
    throw new Error(`Chart value ${path}: the rehearsal's stand-in does not model this. ${remedy}`);
  }
}

/** @throws Error when a list holds a template: the official charts render such texts, the stand-in does not */
export function refuseTemplates(values: Values, path: string): void {
  refuseIf(JSON.stringify(at(values, path) ?? []).includes("{{"), path, "Write the text without {{ }}.");
}
