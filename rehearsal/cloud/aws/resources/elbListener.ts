import { tagEntries, tagsOf } from "../tags";
import { apiActions, liveActions } from "./elbActions";
import { doing, existing, type Handler, type Look, type Services, unlessGone } from "./handler";
import { INPUTS, type InputsOf } from "./inputs";

/** `aws.lb.Listener`. */
export function listenerHandler({ account, elb }: Services): Handler {
  const look = async (arn: string): Promise<Look | undefined> => {
    const described = await unlessGone(["ListenerNotFound"], () => elb.DescribeListeners({ ListenerArns: [arn] }));
    const listener = described?.Listeners?.[0];
    if (listener === undefined) return undefined;
    const { TagDescriptions } = await elb.DescribeTags({ ResourceArns: [arn] });
    return {
      inputs: {
        loadBalancerArn: listener.LoadBalancerArn,
        port: listener.Port,
        protocol: listener.Protocol,
        sslPolicy: listener.SslPolicy,
        certificateArn: listener.Certificates?.[0]?.CertificateArn,
        defaultActions: liveActions(listener.DefaultActions),
        tags: tagsOf(TagDescriptions?.[0]?.Tags),
        region: account.region,
      },
      computed: { arn },
    };
  };

  return {
    async create(props) {
      const inputs = INPUTS["lb/listener"].parse(props);
      const { Listeners } = await doing(`creating ELBv2 Listener (${inputs.loadBalancerArn})`, () =>
        elb.CreateListener({
          LoadBalancerArn: inputs.loadBalancerArn,
          ...endpointOf(inputs),
          DefaultActions: apiActions(inputs.defaultActions),
          Tags: tagEntries(inputs.tags),
        }),
      );
      const arn = Listeners?.[0]?.ListenerArn ?? "";
      return { id: arn, ...(await existing(arn, () => look(arn))) };
    },

    read: look,

    async update(arn, props) {
      const inputs = INPUTS["lb/listener"].parse(props);
      await doing(`modifying ELBv2 Listener (${arn})`, () =>
        elb.ModifyListener({
          ListenerArn: arn,
          ...endpointOf(inputs),
          DefaultActions: apiActions(inputs.defaultActions),
        }),
      );
      await doing(`updating tags for ELBv2 Listener (${arn})`, () => elb.AddTags({ arn, tags: inputs.tags }));
      return existing(arn, () => look(arn));
    },

    async delete(arn) {
      await doing(`deleting ELBv2 Listener (${arn})`, () =>
        unlessGone(["ListenerNotFound"], () => elb.DeleteListener({ ListenerArn: arn })),
      );
    },
  };
}

/** The provider takes HTTP where no protocol is given. */
function endpointOf(inputs: InputsOf<"lb/listener">): {
  readonly Port: number | undefined;
  readonly Protocol: "HTTP" | "HTTPS";
  readonly SslPolicy: string | undefined;
  readonly Certificates?: { CertificateArn: string }[];
} {
  return {
    Port: inputs.port,
    Protocol: (inputs.protocol ?? "HTTP").toUpperCase() as "HTTP" | "HTTPS",
    SslPolicy: inputs.sslPolicy,
    ...(inputs.certificateArn === undefined ? {} : { Certificates: [{ CertificateArn: inputs.certificateArn }] }),
  };
}
