import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { clientOptions } from "./aws";

/** ARN of the caller. It proves who ran a command, unlike a name in the settings. @throws what the SDK throws */
export async function callerArn(region: string, signal: AbortSignal): Promise<string | undefined> {
  const client = new STSClient({ ...clientOptions(region), maxAttempts: 1 });
  const answer = await client.send(new GetCallerIdentityCommand({}), { abortSignal: signal });
  return answer.Arn;
}
