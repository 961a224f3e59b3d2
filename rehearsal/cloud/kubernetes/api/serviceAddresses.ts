import { isFields } from "./fields";
import { type ObjectInput } from "./objects";

type Fields = Readonly<Record<string, unknown>>;

function portsOf(spec: Fields): readonly unknown[] {
  return Array.isArray(spec["ports"]) ? (spec["ports"] as readonly unknown[]) : [];
}

function opensNodePorts(spec: Fields): boolean {
  return spec["type"] === "NodePort" || spec["type"] === "LoadBalancer";
}

/** Gives Services their cluster address and node ports; names are resolved to pods, so nothing listens on them. */
export class ServiceAddresses {
  private given = 0;

  /**
   * The Service with addresses where it has none: those of `live`, the Service before, else new ones.
   * Node ports are 30000-32767, as the server's default range.
   */
  assign(object: ObjectInput, live: ObjectInput | undefined): ObjectInput {
    const { spec } = object;
    if (!isFields(spec) || spec["type"] === "ExternalName") {
      return object;
    }
    const old = isFields(live?.["spec"]) ? live["spec"] : {};
    this.given += 1;
    const clusterIP = spec["clusterIP"] ?? old["clusterIP"] ?? this.clusterAddress();
    const ports = portsOf(spec).map((port, at) => {
      if (!opensNodePorts(spec) || !isFields(port) || port["nodePort"] !== undefined) {
        return port;
      }
      const before = portsOf(old).find((one) => isFields(one) && one["port"] === port["port"]);
      const kept = isFields(before) ? before["nodePort"] : undefined;
      return { ...port, nodePort: kept ?? 30000 + ((this.given * 16 + at) % 2768) };
    });
    return {
      ...object,
      spec: { ...spec, clusterIP, clusterIPs: [clusterIP], ...(spec["ports"] === undefined ? {} : { ports }) },
    };
  }

  private clusterAddress(): string {
    return `10.96.${Math.floor(this.given / 250) % 256}.${(this.given % 250) + 1}`;
  }
}
