import { z } from "zod";

/**
 * The parameters of the actions that the Query API answers. All of them arrive as text. A parameter that is not listed
 * is refused: AWS may know it, the local cloud would have to ignore it.
 */
const text = z.string().optional();
const whole = z
  .string()
  .regex(/^-?\d+$/, "must be a whole number")
  .transform(Number)
  .optional();
const flag = z
  .enum(["true", "false"])
  .transform((value) => value === "true")
  .optional();
/** An empty list arrives as an empty text. */
const list = <T extends z.ZodType>(item: T): z.ZodOptional<z.ZodPreprocess<z.ZodArray<T>>> =>
  z.preprocess((value) => (value === "" ? [] : value), z.array(item)).optional();

const action = z.strictObject({
  Type: z
    .enum(["forward", "fixed-response", "redirect", "authenticate-oidc", "authenticate-cognito", "jwt-validation"])
    .optional(),
  Order: whole,
  TargetGroupArn: text,
  ForwardConfig: z
    .strictObject({
      TargetGroups: list(z.strictObject({ TargetGroupArn: text, Weight: whole })),
      TargetGroupStickinessConfig: z.strictObject({ Enabled: flag, DurationSeconds: whole }).optional(),
    })
    .optional(),
  FixedResponseConfig: z.strictObject({ MessageBody: text, StatusCode: text, ContentType: text }).optional(),
});

const values = z.strictObject({ Values: list(z.string()), RegexValues: list(z.string()) }).optional();

const condition = z.strictObject({
  Field: text,
  Values: list(z.string()),
  HostHeaderConfig: values,
  PathPatternConfig: values,
  HttpRequestMethodConfig: z.strictObject({ Values: list(z.string()) }).optional(),
  HttpHeaderConfig: z
    .strictObject({ HttpHeaderName: text, Values: list(z.string()), RegexValues: list(z.string()) })
    .optional(),
});

const page = { Marker: text, PageSize: whole };
const targets = z.strictObject({
  TargetGroupArn: text,
  Targets: list(z.strictObject({ Id: text, Port: whole, AvailabilityZone: text })),
});

export const ELB_PARAMETERS = {
  DescribeLoadBalancers: z.strictObject({ LoadBalancerArns: list(z.string()), Names: list(z.string()), ...page }),
  DescribeLoadBalancerAttributes: z.strictObject({ LoadBalancerArn: text }),
  DescribeListeners: z.strictObject({ LoadBalancerArn: text, ListenerArns: list(z.string()), ...page }),
  DescribeRules: z.strictObject({ ListenerArn: text, RuleArns: list(z.string()), ...page }),
  DescribeTargetGroups: z.strictObject({
    LoadBalancerArn: text,
    TargetGroupArns: list(z.string()),
    Names: list(z.string()),
    ...page,
  }),
  DescribeTargetGroupAttributes: z.strictObject({ TargetGroupArn: text }),
  DescribeTargetHealth: z.strictObject({ ...targets.shape, Include: list(z.string()) }),
  DescribeTags: z.strictObject({ ResourceArns: list(z.string()) }),
  ModifyListener: z.strictObject({
    ListenerArn: text,
    Port: whole,
    Protocol: z.enum(["HTTP", "HTTPS"]).optional(),
    SslPolicy: text,
    Certificates: list(z.strictObject({ CertificateArn: text })),
    DefaultActions: list(action),
  }),
  ModifyRule: z.strictObject({ RuleArn: text, Conditions: list(condition), Actions: list(action) }),
  RegisterTargets: targets,
  DeregisterTargets: targets,
} as const;

const filters = list(z.strictObject({ Name: text, Values: list(z.string()) }));

export const RDS_PARAMETERS = {
  DescribeDBInstances: z.strictObject({
    DBInstanceIdentifier: text,
    Filters: filters,
    Marker: text,
    MaxRecords: whole,
  }),
  DescribeDBSnapshots: z.strictObject({
    DBInstanceIdentifier: text,
    DBSnapshotIdentifier: text,
    SnapshotType: text,
    IncludeShared: flag,
    IncludePublic: flag,
    Marker: text,
    MaxRecords: whole,
  }),
  CreateDBSnapshot: z.strictObject({
    DBInstanceIdentifier: text,
    DBSnapshotIdentifier: text,
    Tags: list(z.strictObject({ Key: text, Value: text })),
  }),
} as const;

export const STS_PARAMETERS = { GetCallerIdentity: z.strictObject({}) } as const;
