import type {
  CreateListenerInput,
  CreateListenerOutput,
  DeleteListenerInput,
  DescribeListenersInput,
  DescribeListenersOutput,
  Listener as ApiListener,
  ModifyListenerInput,
  ModifyListenerOutput,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { hexId } from "../account";
import { AwsError, notModelled, validationError } from "../errors";
import { paged } from "../paging";
import { tagsOf } from "../tags";
import { checkForward, describeAction, parseActions } from "./actions";
import { inRange } from "./limits";
import { type Listener, type LoadBalancer } from "./records";
import { type ElbState } from "./state";

/** What AWS takes where an HTTPS listener names no policy. */
const DEFAULT_POLICY = "ELBSecurityPolicy-2016-08";

/** Elastic Load Balancing's actions on listeners. */
export type ListenerActions = {
  CreateListener(input: CreateListenerInput): Promise<CreateListenerOutput>;
  DescribeListeners(input: DescribeListenersInput): DescribeListenersOutput;
  /** Replaces what is given, the whole action list included; the rest stays. There is no compare-and-set. */
  ModifyListener(input: ModifyListenerInput): Promise<ModifyListenerOutput>;
  /** Deletes its rules as well. */
  DeleteListener(input: DeleteListenerInput): Promise<object>;
};

export function listenerActions(state: ElbState): ListenerActions {
  return {
    CreateListener(input) {
      return state.change(() => {
        const loadBalancer = state.loadBalancer(input.LoadBalancerArn ?? "");
        const defaultAction = parseActions(input.DefaultActions);
        checkForward(state, loadBalancer, defaultAction);
        const path = `${loadBalancer.arn.slice(loadBalancer.arn.indexOf("/app/"))}/${hexId(16)}`;
        const { account } = state.network;
        const listener: Listener = {
          arn: account.elbArn(`listener${path}`),
          loadBalancerArn: loadBalancer.arn,
          ...parseEndpoint(state, loadBalancer, input),
          defaultRuleArn: account.elbArn(`listener-rule${path}/${hexId(16)}`),
          defaultAction,
          tags: tagsOf(input.Tags),
        };
        state.listeners.set(listener.arn, listener);
        return { Listeners: [describe(listener)] };
      });
    },

    DescribeListeners(input) {
      const { LoadBalancerArn: loadBalancerArn, ListenerArns: arns } = input;
      if (loadBalancerArn === undefined && arns === undefined) {
        throw validationError("You must specify either listener ARNs or a load balancer ARN");
      }
      if (loadBalancerArn !== undefined) state.loadBalancer(loadBalancerArn);
      const chosen = arns?.map((arn) => state.listener(arn)) ?? state.listenersOf(loadBalancerArn ?? "");
      const { items, next } = paged(chosen, input.Marker, input.PageSize);
      return { Listeners: items.map(describe), NextMarker: next };
    },

    ModifyListener(input) {
      return state.change(() => {
        const before = state.listener(input.ListenerArn ?? "");
        const loadBalancer = state.loadBalancer(before.loadBalancerArn);
        const given = input.DefaultActions !== undefined && input.DefaultActions.length > 0;
        const defaultAction = given ? parseActions(input.DefaultActions) : before.defaultAction;
        checkForward(state, loadBalancer, defaultAction);
        const endpoint = parseEndpoint(state, loadBalancer, input, before);
        const { arn, loadBalancerArn, defaultRuleArn, tags } = before;
        const listener: Listener = { arn, loadBalancerArn, defaultRuleArn, tags, ...endpoint, defaultAction };
        state.listeners.set(arn, listener);
        return { Listeners: [describe(listener)] };
      });
    },

    DeleteListener({ ListenerArn: arn = "" }) {
      return state.change(() => {
        state.listener(arn);
        for (const rule of state.rulesOf(arn)) state.rules.delete(rule.arn);
        state.listeners.delete(arn);
        return {};
      });
    },
  };
}

function describe(listener: Listener): ApiListener {
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancerArn,
    Port: listener.port,
    Protocol: listener.protocol,
    ...(listener.certificateArn === undefined ? {} : { Certificates: [{ CertificateArn: listener.certificateArn }] }),
    ...(listener.sslPolicy === undefined ? {} : { SslPolicy: listener.sslPolicy }),
    DefaultActions: [describeAction(listener.defaultAction)],
  };
}

type Endpoint = Pick<Listener, "port" | "protocol" | "certificateArn" | "sslPolicy">;

/** Port, protocol, certificate and policy, each of which leans on the others. */
function parseEndpoint(
  state: ElbState,
  loadBalancer: LoadBalancer,
  input: CreateListenerInput | ModifyListenerInput,
  before?: Listener,
): Endpoint {
  const { Port: port = before?.port ?? 0, Protocol: protocol = before?.protocol } = input;
  if (protocol !== "HTTP" && protocol !== "HTTPS") {
    throw validationError(`Listener protocol '${protocol ?? ""}' must be one of 'HTTPS, HTTP'`);
  }
  if (input.MutualAuthentication !== undefined && input.MutualAuthentication.Mode !== "off") {
    throw notModelled("mutual TLS of clients", "Leave it out.");
  }
  if ((input.AlpnPolicy ?? []).length > 0) throw validationError("ALPN policies are for TLS listeners only");
  if (!inRange(port, { minimum: 1, maximum: 65_535 })) throw validationError(`Port '${port}' must be of 1-65535`);
  const twin = state.listenersOf(loadBalancer.arn).find((other) => other.port === port && other.arn !== before?.arn);
  if (twin !== undefined) {
    throw new AwsError("DuplicateListener", "A listener already exists on this port for this load balancer");
  }
  const certificates = input.Certificates ?? [];
  if (protocol === "HTTP") {
    if (certificates.length > 0) throw validationError("Certificates cannot be specified for HTTP listeners");
    if (input.SslPolicy !== undefined) throw validationError("An SSL policy cannot be specified for HTTP listeners");
    return { port, protocol };
  }
  if (certificates.length > 1) throw validationError("You must specify exactly one default certificate");
  const certificateArn = certificates[0]?.CertificateArn ?? before?.certificateArn;
  if (certificateArn === undefined) throw validationError("A certificate must be specified for HTTPS listeners");
  if (!state.network.certificates.has(certificateArn)) {
    throw new AwsError("CertificateNotFound", `Certificate '${certificateArn}' not found`);
  }
  const sslPolicy = input.SslPolicy ?? before?.sslPolicy ?? DEFAULT_POLICY;
  if (!sslPolicy.startsWith("ELBSecurityPolicy-")) {
    throw new AwsError("SSLPolicyNotFound", `SSL policy '${sslPolicy}' not found`);
  }
  return { port, protocol, certificateArn, sslPolicy };
}
