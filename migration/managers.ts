/**
 * Tools that keep Kubernetes objects as they have them written down: each would undo the freeze (scale the dashboard up
 * again, or A's gateways down) within minutes. Known by the labels and annotations that they leave.
 */

export interface ObjectMetadata {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Manager {
  /** `Argo CD application shop`, `Flux HelmRelease api7/gateway`: how the settings name it. */
  readonly name: string;
  /** The command that pauses it. */
  readonly pause: string;
}

/** Every tool that manages the object. */
export function managersOf(metadata: ObjectMetadata): readonly Manager[] {
  const { labels = {}, annotations = {} } = metadata;
  return RULES.flatMap((rule) => rule(labels, annotations, metadata) ?? []);
}

type Rule = (
  labels: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>>,
  metadata: ObjectMetadata,
) => Manager | undefined;

/** `argocd.argoproj.io/tracking-id: APP:GROUP/KIND:NAMESPACE/NAME`, or the label of the older tracking. */
const argo: Rule = (labels, annotations) => {
  const application =
    annotations["argocd.argoproj.io/tracking-id"]?.split(":")[0] ?? labels["argocd.argoproj.io/instance"];
  return application === undefined || application === ""
    ? undefined
    : { name: `Argo CD application ${application}`, pause: `argocd app set ${application} --sync-policy none` };
};

const fluxKustomization: Rule = (labels) => flux("Kustomization", "kustomization", "kustomize", labels);
const fluxHelmRelease: Rule = (labels) => flux("HelmRelease", "helmrelease", "helm", labels);

function flux(
  kind: string,
  word: string,
  prefix: string,
  labels: Readonly<Record<string, string>>,
): Manager | undefined {
  const name = labels[`${prefix}.toolkit.fluxcd.io/name`];
  if (name === undefined) return undefined;
  const namespace = labels[`${prefix}.toolkit.fluxcd.io/namespace`] ?? "flux-system";
  return { name: `Flux ${kind} ${namespace}/${name}`, pause: `flux suspend ${word} ${name} --namespace ${namespace}` };
}

/** An autoscaler that KEDA makes is named `keda-hpa-SCALEDOBJECT`. */
const keda: Rule = (labels, _annotations, { name, namespace = "default" }) => {
  const scaled = labels["scaledobject.keda.sh/name"] ?? /^keda-hpa-(.+)$/.exec(name)?.[1];
  return scaled === undefined
    ? undefined
    : {
        name: `KEDA ScaledObject ${namespace}/${scaled}`,
        pause: `kubectl annotate scaledobject ${scaled} --namespace ${namespace} autoscaling.keda.sh/paused=true`,
      };
};

const rancherFleet: Rule = (_labels, annotations) => {
  const bundle = annotations["objectset.rio.cattle.io/id"];
  return bundle === undefined
    ? undefined
    : { name: `Fleet bundle ${bundle}`, pause: `set spec.paused: true in the GitRepo of bundle ${bundle}` };
};

const keel: Rule = (labels, annotations, { name, namespace = "default" }) =>
  (labels["keel.sh/policy"] ?? annotations["keel.sh/policy"]) === undefined
    ? undefined
    : {
        name: `Keel ${namespace}/${name}`,
        pause: `kubectl annotate deployment ${name} --namespace ${namespace} keel.sh/policy=never --overwrite`,
      };

const RULES: readonly Rule[] = [argo, fluxKustomization, fluxHelmRelease, keda, rancherFleet, keel];

/** Images of controllers that write API7's configuration from Kubernetes objects: they go on through the freeze. */
export function isIngressController(image: string): boolean {
  return /(^|\/)(api7-ingress-controller|apisix-ingress-controller)([:@]|$)/.test(image);
}
