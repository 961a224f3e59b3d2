import sdk from "@pulumi/kubernetes/package.json";
import { KINDS } from "../../cloud/kubernetes/api/kinds";
import { serveProvider, type ResourceType } from "../framework";
import { objectType } from "./objects";
import { patchType } from "./patches";
import { release } from "./release";
import { checkSettings, settingsThatReplace } from "./settings";

/** Set when the provider is configured: a Secret can then be changed in place. */
let secretsMutable = false;

const types: readonly ResourceType[] = [
  objectType("kubernetes:core/v1:Namespace", KINDS.namespace, { replaceOn: [] }),
  objectType("kubernetes:core/v1:Secret", KINDS.secret, {
    get replaceOn() {
      return secretsMutable ? ["type"] : ["type", "data", "stringData"];
    },
    secretOutputs: ["data", "stringData"],
  }),
  objectType("kubernetes:core/v1:Service", KINDS.service, { replaceOn: ["spec.clusterIP"] }),
  objectType("kubernetes:policy/v1:PodDisruptionBudget", KINDS.podDisruptionBudget, { replaceOn: [] }),
  objectType("kubernetes:networking.k8s.io/v1:NetworkPolicy", KINDS.networkPolicy, { replaceOn: [] }),
  objectType("kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding", KINDS.targetGroupBinding, { replaceOn: [] }),
  patchType("kubernetes:apps/v1:DeploymentPatch", KINDS.deployment),
  patchType("kubernetes:autoscaling/v2:HorizontalPodAutoscalerPatch", KINDS.horizontalPodAutoscaler),
  release,
];

/** The stand-in for the package `@pulumi/kubernetes`. */
void serveProvider({
  name: "kubernetes",
  version: sdk.version,
  types,
  checkConfig: checkSettings,
  configure(config) {
    secretsMutable = config["enableSecretMutable"] === true;
    return Promise.resolve();
  },
  replaceProviderOn: settingsThatReplace,
});
