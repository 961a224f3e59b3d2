import { createPrivateKey, X509Certificate } from "node:crypto";
import { z } from "zod";
import { type ClusterAccess } from "../migration/gateRequest";
import { type ClientCertificate } from "../checks/clients/controlPlane";
import { type KubernetesApi, refused } from "../checks/clients/kubernetes";
import { CLUSTER, parse } from "../checks/request";
import { CouldNotLook } from "../checks/result";
import { MANAGED_BY, openControlPlaneB } from "./controlPlaneB";

/**
 * Issues a client certificate for data planes of B by control plane B's own API, and stores it as a Kubernetes Secret.
 * The private key goes from one into the other, and nowhere else: not to standard output, not into Pulumi's state.
 */

export interface CertificateRequest {
  readonly cluster: ClusterAccess;
  /** Short id of the gateway group. */
  readonly group: string;
  readonly secretName: string;
}

/** What is printed: nothing of it is secret. */
export interface IssuedCertificate {
  readonly group: string;
  /** `namespace/name`. */
  readonly secret: string;
  /** SHA-256 of the certificate in DER, hexadecimal. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly notAfter: string;
}

const REQUEST: z.ZodType<CertificateRequest> = z.strictObject({
  cluster: CLUSTER,
  group: z.string().min(1),
  secretName: z.string().min(1),
});
const SECRET = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()).optional(), resourceVersion: z.string().optional() }),
});

/** @throws BadInput */
export function parseCertificateRequest(text: string): CertificateRequest {
  return parse(REQUEST, text, "{cluster, group, secretName}");
}

/** @throws CouldNotLook when the control plane or the cluster refuses, or the certificate is not usable */
export async function issueDataPlaneCertificate(
  request: CertificateRequest,
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<IssuedCertificate> {
  const { api, controlPlane } = await openControlPlaneB(request.cluster, environment, signal);
  // Looked at first: a certificate that cannot be stored would be issued for nothing.
  const before = await existingSecret(api, request.secretName, signal);
  const group = await controlPlane.gatewayGroup(request.group);
  const issued = await controlPlane.issueCertificate(group.id);
  const certificate = checkCertificate(issued);
  await storeSecret(api, request, issued, before, signal);
  return {
    group: request.group,
    secret: `${api.namespace}/${request.secretName}`,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    notAfter: new Date(certificate.validTo).toISOString(),
  };
}

type ExistingSecret = z.infer<typeof SECRET> | undefined;

async function existingSecret(api: KubernetesApi, name: string, signal: AbortSignal): Promise<ExistingSecret> {
  const found = await api.get(SECRET, api.path("v1", "secrets", name), signal);
  const [label, value] = Object.entries(MANAGED_BY)[0] ?? ["", ""];
  if (!found || found.metadata.labels?.[label] === value) return found;
  throw new CouldNotLook(
    `Secret ${api.namespace}/${name}`,
    `it exists without the label ${label}=${value}: somebody else made it`,
    `kubectl label secret ${name} ${label}=${value} to let it be replaced, or delete it`,
  );
}

/** The three parts belong together, and are valid now. */
function checkCertificate(issued: ClientCertificate): X509Certificate {
  const subject = "the certificate that control plane B issued";
  const remedy = "look at control plane B's log; its certificate authority comes with the restored database";
  let certificate: X509Certificate;
  let wrong: string | undefined;
  try {
    certificate = new X509Certificate(issued.certificate);
    const authority = new X509Certificate(issued.ca);
    if (!certificate.checkPrivateKey(createPrivateKey(issued.privateKey)))
      wrong = "the private key belongs to another certificate";
    else if (!certificate.verify(authority.publicKey)) wrong = "it is not signed by the authority that came with it";
    else if (Date.parse(certificate.validTo) <= Date.now()) wrong = "it has expired";
  } catch {
    // OpenSSL's errors may quote their input.
    throw new CouldNotLook(subject, "it, its key or its authority is not valid PEM", remedy);
  }
  if (wrong !== undefined) throw new CouldNotLook(subject, wrong, remedy);
  return certificate;
}

async function storeSecret(
  api: KubernetesApi,
  request: CertificateRequest,
  issued: ClientCertificate,
  before: ExistingSecret,
  signal: AbortSignal,
): Promise<void> {
  const encode = (text: string): string => Buffer.from(text).toString("base64");
  const body = {
    apiVersion: "v1",
    kind: "Secret",
    type: "Opaque",
    metadata: {
      name: request.secretName,
      namespace: api.namespace,
      labels: { ...MANAGED_BY, "app.kubernetes.io/component": "data-plane-certificate" },
      ...(before?.metadata.resourceVersion !== undefined && { resourceVersion: before.metadata.resourceVersion }),
    },
    data: {
      "tls.crt": encode(issued.certificate),
      "tls.key": encode(issued.privateKey),
      "ca.crt": encode(issued.ca),
    },
  };
  const answer = await api.request({
    method: before ? "PUT" : "POST",
    path: api.path("v1", "secrets", before ? request.secretName : ""),
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  if (answer.status === 200 || answer.status === 201) return;
  const subject = `Secret ${api.namespace}/${request.secretName}`;
  // A refusal may quote the object: only its status is told.
  const { remedy } = refused(subject, { ...answer, body: "" });
  throw new CouldNotLook(subject, `HTTP ${answer.status} when it was to be written`, remedy);
}
