/**
 * A load balancer that behaves as an AWS Application Load Balancer does towards weighted target groups (facts/aws.md 1),
 * on loopback addresses, in a process of its own.
 */
export type {
  Action,
  FixedResponseAction,
  ForwardAction,
  HealthCheckConfig,
  ListenerConfig,
  LoadBalancerConfig,
  LoadBalancerState,
  RuleConfig,
  TargetGroupConfig,
  TargetGroupCounters,
  TargetState,
} from "./types";
export { LoadBalancerProcess, type LoadBalancerOptions } from "./process";
