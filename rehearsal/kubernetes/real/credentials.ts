import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { issue, newAuthority } from "../../cloud/gateways/common/authority";

/** Files and secrets by which the parts of one cluster know each other. All of it is made for one run. */
export interface Credentials {
  /** Folder of every file here, for the owner's eyes only. */
  readonly folder: string;
  readonly authority: string;
  readonly apiServer: { readonly certificate: string; readonly key: string };
  /** By which the API server logs in at the node. */
  readonly kubeletClient: { readonly certificate: string; readonly key: string };
  readonly node: { readonly certificate: string; readonly key: string };
  readonly serviceAccounts: { readonly publicKey: string; readonly privateKey: string };
  /** Tokens, users and groups, as `--token-auth-file` has them. */
  readonly tokens: string;
  /** kubeconfig files by user. */
  readonly kubeconfigs: Readonly<Record<ClusterUser, string>>;
}

/** Who logs in: the owners and the program are administrators; the rest have the roles that Kubernetes gives them. */
export type ClusterUser = "admin" | "controllers" | "scheduler" | "node" | "load-balancer";

const USERS: Readonly<Record<ClusterUser, { readonly user: string; readonly groups: readonly string[] }>> = {
  admin: { user: "rehearsal-admin", groups: ["system:masters"] },
  controllers: { user: "system:kube-controller-manager", groups: [] },
  scheduler: { user: "system:kube-scheduler", groups: [] },
  node: { user: "system:node:rehearsal", groups: ["system:masters"] },
  "load-balancer": { user: "aws-load-balancer-controller", groups: ["system:masters"] },
};

export interface CredentialOptions {
  readonly name: string;
  readonly folder: string;
  /** `https://127.12.0.1:6443`. */
  readonly server: string;
  /** Address that the API server listens on. */
  readonly address: string;
  /** First address of the services' range, by which pods reach the API server. */
  readonly serviceAddress: string;
  readonly nodeAddress: string;
}

/** Makes everything anew. */
export async function writeCredentials(o: CredentialOptions): Promise<Credentials> {
  mkdirSync(o.folder, { recursive: true, mode: 0o700 });
  const write = (name: string, text: string): string => {
    const path = join(o.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const authority = await newAuthority(`CN=rehearsal-cluster-${o.name}`);
  const pair = async (
    name: string,
    request: Parameters<typeof issue>[1],
  ): Promise<{ certificate: string; key: string }> => {
    const { certificate, privateKey } = await issue(authority, request);
    return { certificate: write(`${name}.crt`, certificate), key: write(`${name}.key`, privateKey) };
  };
  const apiServer = await pair("apiserver", {
    commonName: "kube-apiserver",
    usage: "server",
    ipAddresses: [o.address, o.serviceAddress],
    dnsNames: ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"],
  });
  const kubeletClient = await pair("apiserver-kubelet", { commonName: "kube-apiserver-kubelet", usage: "client" });
  const node = await pair("kubelet", { commonName: "rehearsal", usage: "server", ipAddresses: [o.nodeAddress] });
  const keys = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const authorityFile = write("ca.crt", authority.certificate);
  const names = Object.keys(USERS) as ClusterUser[];
  const tokens = Object.fromEntries(names.map((name) => [name, randomBytes(24).toString("base64url")]));
  const rows = names.map((name) => {
    const { user, groups } = USERS[name];
    return `${tokens[name]},${user},${name},"${groups.join(",")}"`;
  });
  const kubeconfigs = names.map((name) => {
    const content = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [
        {
          name: o.name,
          cluster: {
            server: o.server,
            "certificate-authority-data": Buffer.from(authority.certificate).toString("base64"),
          },
        },
      ],
      users: [{ name, user: { token: tokens[name] } }],
      contexts: [{ name: o.name, context: { cluster: o.name, user: name } }],
      "current-context": o.name,
    };
    return [name, write(`${name}.kubeconfig`, stringify(content))] as const;
  });
  return {
    folder: o.folder,
    authority: authorityFile,
    apiServer,
    kubeletClient,
    node,
    serviceAccounts: { publicKey: write("sa.pub", keys.publicKey), privateKey: write("sa.key", keys.privateKey) },
    tokens: write("tokens.csv", `${rows.join("\n")}\n`),
    kubeconfigs: Object.fromEntries(kubeconfigs) as Record<ClusterUser, string>,
  };
}
