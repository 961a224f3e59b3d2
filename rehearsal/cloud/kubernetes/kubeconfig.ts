import { writeFileSync } from "node:fs";
import { stringify } from "yaml";

/** What a kubeconfig of one cluster says. */
export interface Access {
  /** Name of cluster, context and user. */
  readonly name: string;
  /** `http://127.1.0.1:6443`. */
  readonly server: string;
  readonly token: string;
}

/** Writes a kubeconfig with a bearer token, for its owner's eyes only. */
export function writeKubeconfig(file: string, { name, server, token }: Access): void {
  const content = {
    apiVersion: "v1",
    kind: "Config",
    // Plain HTTP on loopback: clients accept that only when told not to check a certificate.
    clusters: [{ name, cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  writeFileSync(file, stringify(content), { mode: 0o600 });
}
