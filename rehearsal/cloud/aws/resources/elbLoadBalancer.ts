import type { LoadBalancer } from "@aws-sdk/client-elastic-load-balancing-v2";
import { tagEntries, tagsOf } from "../tags";
import { doing, existing, finishing, type Handler, type Look, type Services, unlessGone } from "./handler";
import { INPUTS, type InputsOf } from "./inputs";

type Inputs = InputsOf<"lb/loadBalancer">;
type Attributes = Readonly<Record<string, string>>;

/** The inputs that are attributes of the load balancer, by kind. */
const FLAGS = {
  dropInvalidHeaderFields: "routing.http.drop_invalid_header_fields.enabled",
  enableDeletionProtection: "deletion_protection.enabled",
  enableHttp2: "routing.http2.enabled",
  enableTlsVersionAndCipherSuiteHeaders: "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
  enableWafFailOpen: "waf.fail_open.enabled",
  enableXffClientPort: "routing.http.xff_client_port.enabled",
  enableZonalShift: "zonal_shift.config.enabled",
  preserveHostHeader: "routing.http.preserve_host_header.enabled",
} as const satisfies Partial<Record<keyof Inputs, string>>;

const NUMBERS = {
  clientKeepAlive: "client_keep_alive.seconds",
  idleTimeout: "idle_timeout.timeout_seconds",
} as const satisfies Partial<Record<keyof Inputs, string>>;

const TEXTS = {
  desyncMitigationMode: "routing.http.desync_mitigation_mode",
  xffHeaderProcessingMode: "routing.http.xff_header_processing.mode",
} as const satisfies Partial<Record<keyof Inputs, string>>;

const LOGS = {
  accessLogs: "access_logs.s3",
  connectionLogs: "connection_logs.s3",
} as const satisfies Partial<Record<keyof Inputs, string>>;

/** `aws.lb.LoadBalancer`, as an Application Load Balancer. */
export function loadBalancerHandler({ account, elb }: Services): Handler {
  const look = async (arn: string): Promise<Look | undefined> => {
    const described = await unlessGone(["LoadBalancerNotFound"], () =>
      elb.DescribeLoadBalancers({ LoadBalancerArns: [arn] }),
    );
    const lb = described?.LoadBalancers?.[0];
    if (lb === undefined) return undefined;
    const { Attributes } = await elb.DescribeLoadBalancerAttributes({ LoadBalancerArn: arn });
    const attributes = Object.fromEntries((Attributes ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""]));
    const { TagDescriptions } = await elb.DescribeTags({ ResourceArns: [arn] });
    return {
      inputs: { ...liveInputs(lb, attributes), tags: tagsOf(TagDescriptions?.[0]?.Tags), region: account.region },
      computed: {
        arn,
        arnSuffix: arn.split(":loadbalancer/").at(-1),
        dnsName: lb.DNSName,
        vpcId: lb.VpcId,
        zoneId: lb.CanonicalHostedZoneId,
        subnetMappings: (lb.AvailabilityZones ?? []).map(({ SubnetId }) => ({ subnetId: SubnetId })),
      },
    };
  };

  return {
    async create(props) {
      const inputs = INPUTS["lb/loadBalancer"].parse(props);
      const type = inputs.loadBalancerType ?? "application";
      const { LoadBalancers } = await doing(`creating ELBv2 ${type} Load Balancer (${inputs.name})`, () =>
        elb.CreateLoadBalancer({
          Name: inputs.name,
          Type: type as "application",
          Scheme: inputs.internal === true ? "internal" : "internet-facing",
          IpAddressType: inputs.ipAddressType as "ipv4" | undefined,
          Subnets: inputs.subnets,
          SecurityGroups: inputs.securityGroups,
          Tags: tagEntries(inputs.tags),
        }),
      );
      const arn = LoadBalancers?.[0]?.LoadBalancerArn ?? "";
      return finishing(
        arn,
        () => look(arn),
        () => setAttributes(arn, inputs),
      );
    },

    read: look,

    async update(arn, props) {
      const inputs = INPUTS["lb/loadBalancer"].parse(props);
      await setAttributes(arn, inputs);
      const { securityGroups, subnets } = inputs;
      if (securityGroups !== undefined) {
        await doing(`setting ELBv2 Load Balancer (${arn}) security groups`, () =>
          elb.SetSecurityGroups({ LoadBalancerArn: arn, SecurityGroups: securityGroups }),
        );
      }
      if (subnets !== undefined) {
        await doing(`setting ELBv2 Load Balancer (${arn}) subnets`, () =>
          elb.SetSubnets({ LoadBalancerArn: arn, Subnets: subnets }),
        );
      }
      await doing(`updating tags for ELBv2 Load Balancer (${arn})`, () => elb.AddTags({ arn, tags: inputs.tags }));
      return existing(arn, () => look(arn));
    },

    async delete(arn) {
      await doing(`deleting ELBv2 Load Balancer (${arn})`, () => elb.DeleteLoadBalancer({ LoadBalancerArn: arn }));
    },
  };

  async function setAttributes(arn: string, inputs: Inputs): Promise<void> {
    const attributes = attributesOf(inputs);
    if (attributes.length === 0) return;
    await doing(`modifying ELBv2 Load Balancer (${arn}) attributes`, () =>
      elb.ModifyLoadBalancerAttributes({ LoadBalancerArn: arn, Attributes: attributes }),
    );
  }
}

function attributesOf(inputs: Inputs): { Key: string; Value: string }[] {
  const plain = Object.entries({ ...FLAGS, ...NUMBERS, ...TEXTS }).map(
    ([name, key]) => [key, inputs[name as keyof typeof FLAGS | keyof typeof NUMBERS | keyof typeof TEXTS]] as const,
  );
  const logs = Object.entries(LOGS).flatMap(([name, key]) => {
    const block = inputs[name as keyof typeof LOGS];
    if (block === undefined) return [];
    const { enabled = false, bucket, prefix = "" } = block;
    return [
      [`${key}.enabled`, enabled],
      [`${key}.bucket`, bucket],
      [`${key}.prefix`, prefix],
    ] as const;
  });
  return [...plain, ...logs].flatMap(([Key, value]) => (value === undefined ? [] : [{ Key, Value: String(value) }]));
}

function liveInputs(lb: LoadBalancer, attributes: Attributes): Record<string, unknown> {
  const read = <T>(table: Readonly<Record<string, string>>, parse: (value: string) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(table).map(([name, key]) => [name, parse(attributes[key] ?? "")]));
  const logs = Object.entries(LOGS).map(([name, key]) => [
    name,
    {
      enabled: attributes[`${key}.enabled`] === "true",
      bucket: attributes[`${key}.bucket`],
      prefix: attributes[`${key}.prefix`],
    },
  ]);
  return {
    name: lb.LoadBalancerName,
    internal: lb.Scheme === "internal",
    loadBalancerType: lb.Type,
    ipAddressType: lb.IpAddressType,
    subnets: (lb.AvailabilityZones ?? []).map(({ SubnetId }) => SubnetId),
    securityGroups: lb.SecurityGroups,
    ...read(FLAGS, (value) => value === "true"),
    ...read(NUMBERS, Number),
    ...read(TEXTS, (value) => value),
    ...(Object.fromEntries(logs) as Record<string, unknown>),
  };
}
