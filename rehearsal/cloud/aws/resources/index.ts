import { z } from "zod";
import { notModelled } from "../errors";
import { dashboardHandler, metricAlarmHandler } from "./cloudWatch";
import { listenerHandler } from "./elbListener";
import { listenerRuleHandler } from "./elbListenerRule";
import { loadBalancerHandler } from "./elbLoadBalancer";
import { targetGroupHandler } from "./elbTargetGroup";
import { type Changed, doing, type Handler, type Look, type Made, ProviderError, type Services } from "./handler";
import { isResourcePath, type ResourcePath } from "./inputs";
import { instanceHandler } from "./rdsInstance";
import { parameterGroupHandler, snapshotHandler, subnetGroupHandler } from "./rdsOther";
import { snapshotCopyHandler } from "./rdsSnapshotCopy";
import { securityGroupHandler, securityGroupRuleHandler } from "./securityGroups";

export { ProviderError } from "./handler";

const request = z.strictObject({
  id: z.string().default(""),
  inputs: z.record(z.string(), z.unknown()).default({}),
});

/** What one operation answers. A resource that is gone answers `{}`. */
export type Answer = Made | Changed | Look | Readonly<Record<string, never>>;

/** The operations of the resource plugin: each a single request, whatever number of AWS actions it takes. */
export class ResourceApi {
  private readonly handlers: Readonly<Record<ResourcePath, Handler>>;

  constructor(private readonly services: Services) {
    this.handlers = {
      "ec2/securityGroup": securityGroupHandler(services),
      "vpc/securityGroupIngressRule": securityGroupRuleHandler(services, "Ingress"),
      "vpc/securityGroupEgressRule": securityGroupRuleHandler(services, "Egress"),
      "lb/loadBalancer": loadBalancerHandler(services),
      "lb/targetGroup": targetGroupHandler(services),
      "lb/listener": listenerHandler(services),
      "lb/listenerRule": listenerRuleHandler(services),
      "rds/instance": instanceHandler(services),
      "rds/snapshot": snapshotHandler(services),
      "rds/snapshotCopy": snapshotCopyHandler(services),
      "rds/subnetGroup": subnetGroupHandler(services),
      "rds/parameterGroup": parameterGroupHandler(services),
      "cloudwatch/metricAlarm": metricAlarmHandler(services),
      "cloudwatch/dashboard": dashboardHandler(services),
    };
  }

  /**
   * @param path of the type and the operation, as `lb/listener/update`
   * @throws ProviderError worded as the real provider words it
   */
  async handle(path: string, body: unknown): Promise<Answer> {
    if (path === "identity") return this.identity();
    const at = path.lastIndexOf("/");
    const [type, operation] = [path.slice(0, at), path.slice(at + 1)];
    if (!isResourcePath(type)) throw new ProviderError(`The local AWS has no resource type ${type}.`);
    const { id, inputs } = request.parse(body);
    this.checkRegion(inputs["region"]);
    const handler = this.handlers[type];
    try {
      switch (operation) {
        case "create":
          return await handler.create(inputs);
        case "read":
          return (await handler.read(id)) ?? {};
        case "update":
          return await handler.update(id, inputs);
        case "delete":
          await handler.delete(id, inputs);
          return {};
      }
    } catch (error) {
      throw error instanceof z.ZodError ? this.unmodelled(type, error) : error;
    }
    throw new ProviderError(`The local AWS has no operation ${operation} on ${type}.`);
  }

  /** Who the provider is, which it asks before anything else. */
  private async identity(): Promise<Look> {
    const { account, sts } = this.services;
    const { Account: accountId } = await doing("validating provider credentials", () => sts.GetCallerIdentity({}));
    return { inputs: {}, computed: { accountId, region: account.region } };
  }

  private checkRegion(region: unknown): void {
    const { account } = this.services;
    if (region === undefined || region === account.region) return;
    throw new ProviderError(`The local AWS is Region ${account.region}, asked for was ${JSON.stringify(region)}.`);
  }

  private unmodelled(type: ResourcePath, error: z.ZodError): ProviderError {
    const faults = error.issues.map(({ path, message }) => `${path.join(".")} ${message}`.trim());
    return new ProviderError(notModelled(`these inputs of ${type}: ${faults.join("; ")}`, "Leave them out.").message);
  }
}
