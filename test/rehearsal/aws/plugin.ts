import assert from "node:assert/strict";
import sdk from "@pulumi/aws/package.json";
import { awsProvider } from "../../../rehearsal/providers/aws/provider";
import { type Failure, type Props, type ResourceContext } from "../../../rehearsal/providers/framework";
import { Provider } from "../../../rehearsal/providers/framework/provider";
import { loadSchema } from "../../../rehearsal/providers/framework/schema";
import { plain } from "../../../rehearsal/providers/framework/values";
import { type AwsCloud } from "../../../rehearsal/cloud/aws";

/** A resource as the engine would keep it. */
export interface Kept {
  readonly token: string;
  readonly id: string;
  readonly inputs: Props;
  readonly outputs: Props;
}

const TOKENS = {
  securityGroup: "aws:ec2/securityGroup:SecurityGroup",
  ingressRule: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  egressRule: "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  targetGroup: "aws:lb/targetGroup:TargetGroup",
  listener: "aws:lb/listener:Listener",
  rule: "aws:lb/listenerRule:ListenerRule",
  instance: "aws:rds/instance:Instance",
  snapshot: "aws:rds/snapshot:Snapshot",
  snapshotCopy: "aws:rds/snapshotCopy:SnapshotCopy",
  subnetGroup: "aws:rds/subnetGroup:SubnetGroup",
  parameterGroup: "aws:rds/parameterGroup:ParameterGroup",
  dashboard: "aws:cloudwatch/dashboard:Dashboard",
  alarm: "aws:cloudwatch/metricAlarm:MetricAlarm",
} as const;

export type Kind = keyof typeof TOKENS;
export const KINDS = Object.keys(TOKENS) as Kind[];

/** The plugin without gRPC and engine: what both of them ask of it, in the same order. */
export class Plugin {
  readonly provider = new Provider(awsProvider(sdk.version), loadSchema("aws"));
  /** Lines shown to the operator. */
  readonly shown: string[] = [];
  config: Props = { region: "eu-central-1" };

  /** Without a cloud only checks and diffs can be asked. */
  constructor(cloud?: AwsCloud) {
    process.env["AWS_ENDPOINT_URL"] = cloud?.endpoint ?? "http://127.0.0.1:1";
  }

  end(): void {
    delete process.env["AWS_ENDPOINT_URL"];
  }

  async refusals(kind: Kind, inputs: Props, name = "thing"): Promise<readonly Failure[]> {
    return (await this.provider.check(TOKENS[kind], inputs, undefined, this.context(kind, name))).failures;
  }

  async create(kind: Kind, given: Props, name = "thing"): Promise<Kept> {
    const token = TOKENS[kind];
    const ctx = this.context(kind, name);
    const { inputs, failures } = await this.provider.check(token, given, undefined, ctx);
    assert.deepEqual(failures, []);
    const { id, outputs } = await this.provider.create(token, inputs, ctx);
    return { token, id, inputs, outputs: plain(outputs) as Props };
  }

  async update(kept: Kept, changes: Props, timeoutSeconds?: number): Promise<Kept> {
    const ctx = { ...this.context("rule", "thing"), ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
    const given = defined({ ...kept.inputs, ...changes });
    const { inputs, failures } = await this.provider.check(kept.token, given, kept.inputs, ctx);
    assert.deepEqual(failures, []);
    assert.deepEqual(this.replacing(kept, changes), []);
    const outputs = await this.provider.update(kept.token, kept.id, kept.outputs, inputs, kept.inputs, ctx);
    return { ...kept, inputs, outputs: plain(outputs) as Props };
  }

  /** As a refresh does it. Nothing when the resource is gone. */
  async read(kept: Kept): Promise<Kept | undefined> {
    const ctx = this.context("rule", "thing");
    const live = await this.provider.read(kept.token, kept.id, kept.outputs, kept.inputs, ctx);
    return live === undefined
      ? undefined
      : { ...kept, inputs: live.inputs ?? {}, outputs: plain(live.outputs) as Props };
  }

  /** As an import does it. */
  async look(kind: Kind, id: string): Promise<Props | undefined> {
    return (await this.provider.read(TOKENS[kind], id, {}, undefined, this.context(kind, "thing")))?.inputs;
  }

  async delete(kept: Kept): Promise<void> {
    await this.provider.delete(kept.token, kept.id, kept.outputs, this.context("rule", "thing"));
  }

  /** The properties whose change replaces the resource. */
  replacing({ token, inputs }: Pick<Kept, "token" | "inputs">, changes: Props): readonly string[] {
    const { changes: found } = this.provider.diff(token, inputs, defined({ ...inputs, ...changes }), []);
    return [...new Set(found.filter(({ replaces }) => replaces).map(({ property }) => property))];
  }

  tokenOf(kind: Kind): string {
    return TOKENS[kind];
  }

  private context(kind: Kind, name: string): ResourceContext {
    return {
      signal: new AbortController().signal,
      config: this.config,
      dryRun: false,
      log: (severity, message) => this.shown.push(`${severity}: ${message}`),
      urn: `urn:pulumi:test::things::${TOKENS[kind]}::${name}`,
    };
  }
}

/** Properties without those that are not given. */
export function defined(properties: Props): Props {
  return Object.fromEntries(Object.entries(properties).filter(([, value]) => value !== undefined));
}
