import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";

/** An AWS endpoint of the Query protocol that knows a few calls, and refuses everything else as AWS does. */

export interface FakeRule {
  readonly priority: number | "default";
  /** A condition on a request header. */
  readonly header?: { readonly name: string; readonly value: string };
  /** A condition on the request's method. */
  readonly methods?: readonly string[];
  readonly actions: readonly FakeAction[];
}

export interface FakeAction {
  readonly type: string;
  readonly targetGroups?: readonly { readonly arn: string; readonly weight: number }[];
  readonly stickiness?: boolean;
  /** The form of a forward to a single group. */
  readonly plainTargetGroup?: string;
  /** Status of a fixed response. */
  readonly status?: string;
}

export interface FakeListener {
  readonly arn: string;
  readonly port: number;
  /** Default HTTP. */
  readonly protocol?: string;
  readonly rules: readonly FakeRule[];
}

export interface FakeWorld {
  loadBalancers: { readonly name: string; readonly arn: string; readonly listeners: readonly FakeListener[] }[];
  /** Name to ARN. */
  targetGroups: Map<string, string>;
  /** ARN to targets. */
  targets: Map<
    string,
    readonly { readonly id: string; readonly port: number; readonly state: string; readonly reason?: string }[]
  >;
  instances: Map<
    string,
    {
      readonly host?: string;
      readonly port?: number;
      readonly status: string;
      readonly engineVersion?: string;
      readonly encrypted?: boolean;
    }
  >;
  callerArn: string | undefined;
  /** Of every load balancer. */
  idleTimeoutSeconds: number;
}

export class AwsFake {
  readonly world: FakeWorld = {
    loadBalancers: [],
    targetGroups: new Map(),
    targets: new Map(),
    instances: new Map(),
    idleTimeoutSeconds: 60,
    callerArn: "arn:aws:sts::123456789012:assumed-role/deploy/ada",
  };
  /** Answers instead of the world: for faults. Undefined: no fault. */
  fault: ((action: string) => { readonly status: number; readonly body: string } | "hang" | undefined) | undefined;
  readonly calls: string[] = [];
  private readonly server: Server;
  private environment: Readonly<Record<string, string | undefined>> = {};

  private constructor() {
    this.server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const parameters = new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
        const action = parameters.get("Action") ?? "";
        this.calls.push(action);
        const answer = this.fault?.(action) ?? this.answer(action, parameters);
        if (answer === "hang") return;
        response.writeHead(answer.status, { "content-type": "text/xml" });
        response.end(answer.body);
      });
    });
  }

  /** Starts it, and points the AWS SDK of this process at it. */
  static async start(): Promise<AwsFake> {
    const fake = new AwsFake();
    await new Promise<void>((resolve) => fake.server.listen(0, "127.0.0.1", resolve));
    const endpoint = `http://127.0.0.1:${(fake.server.address() as AddressInfo).port}`;
    const settings = {
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "eu-central-1",
    };
    fake.environment = Object.fromEntries(Object.keys(settings).map((name) => [name, process.env[name]]));
    Object.assign(process.env, settings);
    return fake;
  }

  async stop(): Promise<void> {
    for (const [name, value] of Object.entries(this.environment)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private answer(action: string, parameters: URLSearchParams): { readonly status: number; readonly body: string } {
    const { world } = this;
    const list = (name: string): readonly string[] =>
      [...parameters].filter(([key]) => key.startsWith(`${name}.member.`)).map(([, value]) => value);
    switch (action) {
      case "DescribeLoadBalancers": {
        const [name] = list("Names");
        const [byArn] = list("LoadBalancerArns");
        const found = world.loadBalancers.filter((one) => one.name === name || one.arn === byArn);
        if (found.length === 0) return error(400, "LoadBalancerNotFound", `Load balancers '[${name ?? ""}]' not found`);
        return result(
          action,
          members(
            "LoadBalancers",
            found.map((one) => `<LoadBalancerArn>${one.arn}</LoadBalancerArn><DNSName>127.0.0.1</DNSName>`),
          ),
        );
      }
      case "DescribeListeners": {
        const [wanted] = list("ListenerArns");
        const found = world.loadBalancers.find(
          (one) =>
            one.arn === parameters.get("LoadBalancerArn") || one.listeners.some((listener) => listener.arn === wanted),
        );
        if (!found) return error(400, "LoadBalancerNotFound", "not found");
        return result(
          action,
          members(
            "Listeners",
            found.listeners
              .filter((one) => wanted === undefined || one.arn === wanted)
              .map(
                (one) =>
                  `<ListenerArn>${one.arn}</ListenerArn><LoadBalancerArn>${found.arn}</LoadBalancerArn><Port>${one.port}</Port><Protocol>${one.protocol ?? "HTTP"}</Protocol>`,
              ),
          ),
        );
      }
      case "DescribeLoadBalancerAttributes": {
        const attribute = `<Key>idle_timeout.timeout_seconds</Key><Value>${world.idleTimeoutSeconds}</Value>`;
        return result(
          action,
          members("Attributes", ["<Key>access_logs.s3.enabled</Key><Value>false</Value>", attribute]),
        );
      }
      case "DescribeRules": {
        const arn = parameters.get("ListenerArn");
        const found = world.loadBalancers.flatMap((one) => one.listeners).find((one) => one.arn === arn);
        if (!found) return error(400, "ListenerNotFound", `Listener '${arn ?? ""}' not found`);
        // One rule a page, so that paging is tried.
        const at = Number(parameters.get("Marker") ?? "0");
        const more = at + 1 < found.rules.length ? `<NextMarker>${at + 1}</NextMarker>` : "";
        return result(
          action,
          members(
            "Rules",
            found.rules.slice(at, at + 1).map((rule) => ruleXml(rule, found.arn)),
          ) + more,
        );
      }
      case "DescribeTargetGroups": {
        const [name] = list("Names");
        const arn = world.targetGroups.get(name ?? "");
        if (arn === undefined) return error(400, "TargetGroupNotFound", "One or more target groups not found");
        return result(action, members("TargetGroups", [`<TargetGroupArn>${arn}</TargetGroupArn>`]));
      }
      case "DescribeTargetHealth": {
        const targets = world.targets.get(parameters.get("TargetGroupArn") ?? "");
        if (!targets) return error(400, "TargetGroupNotFound", "not found");
        const xml = targets.map(
          ({ id, port, state, reason }) =>
            `<Target><Id>${id}</Id><Port>${port}</Port></Target><TargetHealth><State>${state}</State>${reason === undefined ? "" : `<Reason>${reason}</Reason>`}</TargetHealth>`,
        );
        return result(action, members("TargetHealthDescriptions", xml));
      }
      case "DescribeDBInstances": {
        const identifier = parameters.get("DBInstanceIdentifier") ?? "";
        const found = world.instances.get(identifier);
        if (!found) return error(404, "DBInstanceNotFound", `DBInstance ${identifier} not found.`);
        const endpoint =
          found.host === undefined
            ? ""
            : `<Endpoint><Address>${found.host}</Address><Port>${found.port ?? 5432}</Port></Endpoint>`;
        const engine = `<Engine>postgres</Engine><EngineVersion>${found.engineVersion ?? "15.8"}</EngineVersion>`;
        const storage = `<StorageEncrypted>${String(found.encrypted ?? true)}</StorageEncrypted><AllocatedStorage>100</AllocatedStorage>`;
        return result(
          action,
          `<DBInstances><DBInstance><DBInstanceStatus>${found.status}</DBInstanceStatus>${engine}${storage}${endpoint}</DBInstance></DBInstances>`,
        );
      }
      case "GetCallerIdentity":
        if (world.callerArn === undefined) return error(403, "InvalidClientTokenId", "The security token is invalid");
        return result(action, `<Arn>${world.callerArn}</Arn><Account>123456789012</Account>`);
      default:
        return error(400, "InvalidAction", `Could not find operation ${action}`);
    }
  }
}

function ruleXml(rule: FakeRule, listener: string): string {
  const isDefault = rule.priority === "default";
  const actions = rule.actions.map((action) => {
    if (action.plainTargetGroup !== undefined)
      return `<Type>forward</Type><TargetGroupArn>${action.plainTargetGroup}</TargetGroupArn>`;
    if (action.status !== undefined)
      return `<Type>${action.type}</Type><FixedResponseConfig><StatusCode>${action.status}</StatusCode></FixedResponseConfig>`;
    if (action.targetGroups === undefined) return `<Type>${action.type}</Type>`;
    const groups = action.targetGroups.map(
      ({ arn, weight }) => `<TargetGroupArn>${arn}</TargetGroupArn><Weight>${weight}</Weight>`,
    );
    const sticky = `<TargetGroupStickinessConfig><Enabled>${String(action.stickiness === true)}</Enabled></TargetGroupStickinessConfig>`;
    return `<Type>${action.type}</Type><ForwardConfig>${members("TargetGroups", groups)}${sticky}</ForwardConfig>`;
  });
  const conditions = [
    ...(rule.header === undefined
      ? []
      : [
          `<Field>http-header</Field><HttpHeaderConfig><HttpHeaderName>${rule.header.name}</HttpHeaderName>${members("Values", [rule.header.value])}</HttpHeaderConfig>`,
        ]),
    ...(rule.methods === undefined
      ? []
      : [
          `<Field>http-request-method</Field><HttpRequestMethodConfig>${members("Values", rule.methods)}</HttpRequestMethodConfig>`,
        ]),
  ];
  const condition = conditions.length === 0 ? "" : members("Conditions", conditions);
  return `${condition}<RuleArn>${listener}/${rule.priority}</RuleArn><Priority>${rule.priority}</Priority><IsDefault>${String(isDefault)}</IsDefault>${members("Actions", actions)}`;
}

function members(name: string, items: readonly string[]): string {
  return `<${name}>${items.map((item) => `<member>${item}</member>`).join("")}</${name}>`;
}

function result(action: string, xml: string): { readonly status: number; readonly body: string } {
  const body = `<${action}Response><${action}Result>${xml}</${action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${action}Response>`;
  return { status: 200, body };
}

/** An error in AWS's form. */
export function error(
  status: number,
  code: string,
  message: string,
): { readonly status: number; readonly body: string } {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  return { status, body };
}
