import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "../api/kinds";
import { type Service } from "../api/objects";
import { endpointsOf } from "../api/proxy";
import { type ObjectReader } from "../api/clusterObjects";
import { type Controller } from "./controller";

/** Service names of one namespace's pods and the addresses behind them. */
export type Hosts = Readonly<Record<string, readonly string[]>>;

/**
 * The cluster's name service: one file for each namespace, `{ "name.ns.svc.cluster.local": ["127.1.20.5"], ... }`,
 * with the ready pods of every Service. Short names mean Services of the reader's own namespace.
 */
export class HostsController implements Controller {
  private readonly written = new Map<string, string>();

  constructor(
    private readonly store: ObjectReader,
    private readonly folder: string,
  ) {
    mkdirSync(folder, { recursive: true });
  }

  /** The file that pods of a namespace read. It exists from the namespace's first pass on. */
  file(namespace: string): string {
    return join(this.folder, `${namespace}.json`);
  }

  sync(): void {
    const services = this.store.list(KINDS.service) as readonly Service[];
    const addresses = services.map((service) => ({
      service,
      ips: endpointsOf(this.store, service).flatMap(({ status }) => status?.podIP ?? []),
    }));
    for (const { metadata } of this.store.list(KINDS.namespace)) {
      const entries = addresses.flatMap(({ service, ips }) =>
        namesOf(service, metadata.name).map((name) => [name, ips] as const),
      );
      this.write(metadata.name, Object.fromEntries(entries));
    }
  }

  private write(namespace: string, hosts: Hosts): void {
    const text = JSON.stringify(hosts);
    if (this.written.get(namespace) !== text) {
      // Readers see the old file or the new one, never half of it.
      const file = this.file(namespace);
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
      this.written.set(namespace, text);
    }
  }
}

function namesOf({ metadata }: Service, namespace: string): readonly string[] {
  const { name, namespace: home = "" } = metadata;
  const full = [`${name}.${home}.svc.cluster.local`, `${name}.${home}.svc`, `${name}.${home}`];
  return home === namespace ? [...full, name] : full;
}
