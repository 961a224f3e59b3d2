import { type Action, type LoadBalancerProcess, type TargetState } from "../../loadBalancer";
import { type Tags } from "../tags";

/** What is needed of a load balancer's process. */
export type LoadBalancerPort = Pick<LoadBalancerProcess, "apply" | "state" | "stop">;

export type { Action, TargetState };

/** Attributes by AWS's keys, as `idle_timeout.timeout_seconds`. */
export type Attributes = Readonly<Record<string, string>>;

export interface Target {
  /** IP address. */
  readonly id: string;
  readonly port: number;
}

export interface LoadBalancer {
  readonly arn: string;
  readonly name: string;
  /** Loopback address that serves; also what stands for the DNS name, since nothing resolves names here. */
  readonly address: string;
  readonly internal: boolean;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly ipAddressType: "ipv4";
  readonly attributes: Attributes;
  readonly createdAt: Date;
  readonly tags: Tags;
  readonly process: LoadBalancerPort;
}

export interface HealthCheck {
  readonly protocol: "HTTP";
  readonly path: string;
  /** A number as text, or `traffic-port`. */
  readonly port: string;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
  /** `200`, `200,204` or `200-299`. */
  readonly matcher: string;
}

export interface TargetGroup {
  readonly arn: string;
  readonly name: string;
  readonly port: number;
  readonly vpcId: string;
  readonly protocolVersion: "HTTP1";
  readonly healthCheck: HealthCheck;
  readonly attributes: Attributes;
  readonly targets: readonly Target[];
  readonly tags: Tags;
}

export interface Listener {
  readonly arn: string;
  readonly loadBalancerArn: string;
  readonly port: number;
  /** HTTPS is kept with its certificate, but served in plain text: nothing here ends TLS. */
  readonly protocol: "HTTP" | "HTTPS";
  readonly certificateArn?: string;
  readonly sslPolicy?: string;
  readonly defaultRuleArn: string;
  readonly defaultAction: Action;
  readonly tags: Tags;
}

/** One condition of a rule, in the four kinds that the local load balancer can match. */
export type Condition =
  | { readonly field: "host-header" | "path-pattern" | "http-request-method"; readonly values: readonly string[] }
  | { readonly field: "http-header"; readonly name: string; readonly values: readonly string[] };

export interface Rule {
  readonly arn: string;
  readonly listenerArn: string;
  /** 1-50000, unique in its listener. */
  readonly priority: number;
  readonly conditions: readonly Condition[];
  readonly action: Action;
  readonly tags: Tags;
}
