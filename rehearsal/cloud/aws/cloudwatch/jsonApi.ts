import { z } from "zod";
import { type Account } from "../account";
import { AwsError, OperationError, validationError } from "../errors";
import { authenticate } from "../query/authentication";
import { type Alarm, type CloudWatch } from "./index";

/** CloudWatch's own protocol is AWS JSON 1.0: the action stands in a header. */
export const TARGET_PREFIX = "GraniteServiceVersion20100801.";

export interface JsonAnswer {
  readonly status: number;
  readonly text: string;
}

export interface CloudWatchPort {
  readonly account: Account;
  readonly cloudWatch: CloudWatch;
}

const NAMES = z.object({ AlarmNames: z.array(z.string()).max(100).default([]) });
const STATE = z.object({
  AlarmName: z.string(),
  StateValue: z.enum(["OK", "ALARM", "INSUFFICIENT_DATA"]),
  StateReason: z.string(),
});

/** The same for whoever signed the request; a caller whose signature is missing or of another Region is refused. */
export async function answerSigned(
  request: { readonly target: string; readonly body: string; readonly authorization: string | undefined },
  port: CloudWatchPort,
): Promise<JsonAnswer> {
  const { target, body, authorization } = request;
  return answering(async () => {
    authenticate(authorization, port.account.region, "monitoring");
    return act(target.slice(TARGET_PREFIX.length), JSON.parse(body), port);
  });
}

/** What the AWS SDK and the AWS command line ask CloudWatch. Never throws: what fails is an answer as well. */
export async function answerCloudWatch(target: string, body: string, port: CloudWatchPort): Promise<JsonAnswer> {
  return answering(async () => act(target.slice(TARGET_PREFIX.length), JSON.parse(body), port));
}

async function answering(run: () => Promise<object>): Promise<JsonAnswer> {
  try {
    return { status: 200, text: JSON.stringify(await run()) };
  } catch (error) {
    const known = error instanceof OperationError ? error.aws : error;
    const { code, message, httpStatus } =
      known instanceof AwsError
        ? known
        : new AwsError("InternalServiceFault", known instanceof Error ? known.message : String(known), 500);
    return { status: httpStatus, text: JSON.stringify({ __type: code, message }) };
  }
}

async function act(action: string, input: unknown, { account, cloudWatch }: CloudWatchPort): Promise<object> {
  switch (action) {
    case "DescribeAlarms": {
      const { AlarmNames } = parsed(NAMES, input);
      const found = await Promise.all(AlarmNames.map(async (name) => cloudWatch.DescribeAlarms({ name })));
      return { MetricAlarms: found.flatMap((alarm) => described(account, alarm)), CompositeAlarms: [] };
    }
    case "SetAlarmState": {
      const { AlarmName: name, StateValue: value, StateReason: reason } = parsed(STATE, input);
      await cloudWatch.SetAlarmState({ name, value, reason });
      return {};
    }
    case "GetMetricData":
      return cloudWatch.GetMetricData(input);
    default:
      throw new AwsError("InvalidAction", `The local CloudWatch does not know ${action}.`);
  }
}

function described(account: Account, alarm: Alarm | undefined): readonly object[] {
  if (alarm === undefined) return [];
  const { name, input, state } = alarm;
  return [
    {
      AlarmName: name,
      AlarmArn: account.alarmArn(name),
      AlarmDescription: input.alarmDescription,
      StateValue: state?.value ?? "OK",
      StateReason: state?.reason ?? "Unchecked: Initial alarm creation",
    },
  ];
}

function parsed<T>(schema: z.ZodType<T>, input: unknown): T {
  const { success, data, error } = schema.safeParse(input);
  if (success) return data;
  throw validationError(error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
}
