import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { isObject, walk, type ConfigurationDocument } from "../migration/configurationWalk";
import { type KubernetesApi } from "./clients/kubernetes";
import { getDeployment } from "./clients/objects";
import { CouldNotLook } from "./result";

/** Certificates, wherever they are: in the configuration, and in the Secrets that gateways mount. Never their keys. */

export interface FoundCertificate {
  /** First 16 hexadecimal digits of its SHA-256. */
  readonly id: string;
  readonly subject: string;
  readonly notAfter: Date;
  readonly where: string;
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Gathers the certificates of a configuration, each once. */
export class Certificates {
  private readonly found = new Map<string, FoundCertificate>();

  add(document: ConfigurationDocument): void {
    // What is switched off serves nobody.
    if (isObject(document.value) && document.value["status"] === "disabled") return;
    walk(document, {
      text: ({ text, path }) => {
        if (!text.includes("-----BEGIN CERTIFICATE-----")) return;
        for (const one of certificatesIn(text, `${document.object}: ${path}`)) {
          if (!this.found.has(one.id)) this.found.set(one.id, one);
        }
      },
    });
  }

  list(): readonly FoundCertificate[] {
    return [...this.found.values()].sort((a, b) => a.notAfter.getTime() - b.notAfter.getTime());
  }
}

/** Every certificate of a text; those that cannot be read are left out: nobody can serve with them. */
export function certificatesIn(text: string, where: string): readonly FoundCertificate[] {
  return [...text.matchAll(PEM)].flatMap(([pem]) => {
    try {
      const certificate = new X509Certificate(pem);
      return [
        {
          id: certificate.fingerprint256.replaceAll(":", "").slice(0, 16).toLowerCase(),
          subject: subjectOf(certificate),
          notAfter: new Date(certificate.validTo),
          where,
        },
      ];
    } catch {
      return [];
    }
  });
}

/** On one line. An empty name is undefined, whatever Node's types say. */
export function subjectOf({ subject }: { readonly subject?: string | undefined }): string {
  return subject?.replaceAll("\n", ", ") ?? "(no subject)";
}

const SECRET = z.object({ data: z.record(z.string(), z.string()).optional() });
const VOLUMES = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({
        volumes: z.array(z.object({ secret: z.object({ secretName: z.string() }).optional() })).optional(),
      }),
    }),
  }),
});

/** Certificates in the Secrets that a Deployment's pods mount: its client certificate and its CAs. @throws CouldNotLook */
export async function mountedCertificates(
  api: KubernetesApi,
  deployment: string,
  signal: AbortSignal,
): Promise<readonly FoundCertificate[]> {
  const subject = `${api.label}, Deployment ${deployment}`;
  if (!(await getDeployment(api, deployment, signal))) {
    throw new CouldNotLook(subject, "there is none", "correct the names in the settings");
  }
  const found = await api.get(VOLUMES, api.path("apps/v1", "deployments", deployment), signal);
  const names = (found?.spec.template.spec.volumes ?? []).flatMap(({ secret }) =>
    secret === undefined ? [] : [secret.secretName],
  );
  const lists = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const secret = await api.get(SECRET, api.path("v1", "secrets", name), signal);
      if (!secret)
        throw new CouldNotLook(subject, `Secret ${name}, which it mounts, is not there`, "pulumi up --refresh");
      return Object.entries(secret.data ?? {}).flatMap(([key, value]) =>
        certificatesIn(Buffer.from(value, "base64").toString("utf8"), `${api.label}, Secret ${name}: ${key}`),
      );
    }),
  );
  return lists.flat();
}
