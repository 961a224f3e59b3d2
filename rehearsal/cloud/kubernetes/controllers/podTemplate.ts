import { createHash, randomInt } from "node:crypto";
import type { V1DeploymentSpec } from "@kubernetes/client-node";
import { isFields } from "../api/fields";
import { type Deployment, type ObjectInput } from "../api/objects";

/** Letters of generated names, without vowels and look-alikes, as Kubernetes has them. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** Label by which a Deployment knows the pods of each of its templates. */
export const TEMPLATE_HASH = "pod-template-hash";

/** JSON with sorted keys: the same content gives the same text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, child: unknown) =>
    isFields(child) ? Object.fromEntries(Object.entries(child).sort(([a], [b]) => (a < b ? -1 : 1))) : child,
  );
}

/** Ten letters that stand for a pod template; the same template gives the same letters. */
export function templateHash(spec: V1DeploymentSpec): string {
  const digest = createHash("sha256").update(canonical(spec.template)).digest();
  return [...digest.subarray(0, 10)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
}

function suffix(): string {
  return Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
}

/** A new pod of a Deployment, named `<deployment>-<hash>-<5 letters>` and owned by the Deployment itself. */
export function podFrom(deployment: Deployment, hash: string): ObjectInput {
  const { template } = deployment.spec;
  const { name, uid } = deployment.metadata;
  return {
    metadata: {
      name: `${name}-${hash}-${suffix()}`,
      labels: { ...template.metadata?.labels, [TEMPLATE_HASH]: hash },
      annotations: template.metadata?.annotations ?? {},
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec: template.spec,
  };
}
