import { type GatewayFault } from "./gateways/gateway/faults";
import { type Programs } from "../kubernetes/real/programs";
import { type PodNetworks } from "./clusters";
import { type Fault as AwsFault } from "./aws";
import { type LoadBalancerState } from "./loadBalancer";
import { type MetricsFault } from "./metrics";
import { type TrafficSample } from "./traffic";

/** What the clouds need for real control planes instead of stand-ins. */
export interface RealTier {
  readonly programs: Programs;
  readonly podNetworks: PodNetworks;
}

/** What exists before the migration, and how to reach it: what the migration's settings are made from. */
export interface World {
  /** The /16 of loopback that this run owns: `127.R`. */
  readonly network: string;
  readonly region: string;
  readonly accountId: string;
  readonly awsEndpoint: string;
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly zones: readonly string[];
  readonly certificateArn: string;
  /** Security groups of the clusters' nodes. */
  readonly securityGroups: { readonly clusterA: string; readonly clusterB: string };
  readonly loadBalancer: {
    readonly arn: string;
    readonly listenerArn: string;
    readonly securityGroupId: string;
    readonly address: string;
    readonly port: number;
    readonly targetGroupAArn: string;
    /** The listener in front of A's dashboard and Admin API. */
    readonly admin: { readonly listenerArn: string; readonly port: number; readonly targetGroupArn: string };
  };
  readonly databaseA: {
    readonly instanceIdentifier: string;
    readonly username: string;
    readonly databaseName: string;
    /** Secret: with password. */
    readonly dsn: string;
    readonly tables: number;
    readonly rows: number;
  };
  readonly clusters: Readonly<Record<"a" | "b", { readonly kubeconfig: string; readonly server: string }>>;
  /** First three numbers of the pods' addresses. */
  readonly podNetworks: PodNetworks;
  readonly charts: Readonly<
    Record<"api7ee3" | "gateway", { readonly file: string; readonly version: string; readonly sha256: string }>
  >;
  readonly releases: {
    readonly namespace: string;
    readonly controlPlane: string;
    readonly gateway: string;
    readonly gatewayReplicas: number;
    readonly dashboardReplicas: number;
    readonly autoscaler: string;
  };
  readonly version: string;
  /** Secret: API token of the control plane. */
  readonly token: string;
  readonly gatewayGroupId: string;
  readonly catalogue: readonly TrafficSample[];
  /** Names of all services of the configuration. */
  readonly services: readonly string[];
  /** Base URLs of each cluster's Prometheus, and how often it scrapes. */
  readonly metrics: Readonly<Record<"a" | "b", string>> & { readonly periodSeconds: number };
}

/** What the rehearsal may ask of the running clouds, faults included. */
export interface CloudMethods {
  world(): Promise<World>;
  loadBalancerState(): Promise<LoadBalancerState>;
  /** Switches a cluster's API server off or on; its pods go on. */
  setClusterApi(cluster: "a" | "b", up: boolean): Promise<void>;
  /** Stops or starts a database server behind its RDS instance. */
  setDatabase(instanceIdentifier: string, up: boolean): Promise<void>;
  /** Runs SQL in a database as its local superuser, behind everybody's back. */
  sql(instanceIdentifier: string, statement: string): Promise<readonly Record<string, unknown>[]>;
  /** Sends a signal to every process of a Deployment's pods: SIGSTOP makes them hang, SIGCONT wakes them. */
  signalPods(cluster: "a" | "b", deployment: string, signal: "SIGSTOP" | "SIGCONT" | "SIGKILL"): Promise<void>;
  /** Sets a Deployment's size behind everybody's back and waits until it is so. */
  scale(cluster: "a" | "b", deployment: string, replicas: number): Promise<void>;
  /** Lets all gateways of a cluster go wrong from now on; an empty fault ends it. */
  setGatewayFault(cluster: "a" | "b", fault: GatewayFault): Promise<void>;
  /** What is wrong with a cluster's Prometheus from now on; null: nothing. */
  setMetricsFault(cluster: "a" | "b", fault: MetricsFault | null): Promise<void>;
  /** A request on this cluster takes so many times the usual CPU time. */
  setRequestCost(cluster: "a" | "b", factor: number): Promise<void>;
  /** Lets the next calls of an AWS action fail, for whoever makes them; null takes every fault away. */
  setAwsFault(action: string, fault: AwsFault | null): Promise<void>;
  pods(cluster: "a" | "b"): Promise<readonly PodLook[]>;
}

export interface PodLook {
  readonly name: string;
  readonly ip: string;
  readonly ready: boolean;
  /** On its way out: it is no longer among the pods that a Deployment counts. */
  readonly terminating: boolean;
}

export type CloudMethod = keyof CloudMethods;

/** Messages between the rehearsal and the process of the clouds. */
export interface CloudRequest {
  readonly id: number;
  readonly method: CloudMethod;
  readonly args: readonly unknown[];
}
export type CloudMessage =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }
  | { readonly ready: true }
  | { readonly failed: string }
  | { readonly progress: string };
