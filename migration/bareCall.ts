/** What gives cluster A every request of one listener or rule, in the words of the ELB API and of the AWS CLI. */
export interface BareCall {
  readonly kind: "listener" | "rule";
  readonly arn: string;
  readonly region: string;
  readonly targetGroupA: string;
  readonly targetGroupB: string;
}

type ForwardActions = {
  readonly Type: "forward";
  readonly ForwardConfig: {
    readonly TargetGroups: { readonly TargetGroupArn: string; readonly Weight: number }[];
    readonly TargetGroupStickinessConfig: { readonly Enabled: boolean; readonly DurationSeconds: number };
  };
}[];

/** The action list for 100/0. ELB replaces the whole list, so it is given whole (facts/aws.md 1). */
export function actionsForA({
  targetGroupA,
  targetGroupB,
}: Pick<BareCall, "targetGroupA" | "targetGroupB">): ForwardActions {
  return [
    {
      Type: "forward",
      ForwardConfig: {
        TargetGroups: [
          { TargetGroupArn: targetGroupA, Weight: 100 },
          { TargetGroupArn: targetGroupB, Weight: 0 },
        ],
        TargetGroupStickinessConfig: { Enabled: false, DurationSeconds: 1 },
      },
    },
  ];
}

/** The complete AWS CLI call, for somebody who has nothing else. */
export function bareCall(call: BareCall): string {
  const { kind, arn, region } = call;
  const actions = kind === "listener" ? "--default-actions" : "--actions";
  return `aws elbv2 modify-${kind} --region ${region} --${kind}-arn ${arn} ${actions} '${JSON.stringify(actionsForA(call))}'`;
}
