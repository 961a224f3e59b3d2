import { type Account } from "./account";
import { guarded, type Guarded } from "./actions";
import { type Faults } from "./faults";

interface Identity {
  readonly UserId: string;
  readonly Account: string;
  readonly Arn: string;
}

/** STS's actions by AWS's names, with faults in front. */
export type Sts = Guarded<{ GetCallerIdentity(input: object): Identity }>;

export function stsActions(account: Account, faults: Faults): Sts {
  const identity = { UserId: "AIDAREHEARSALUSER0000", Account: account.accountId, Arn: account.callerArn };
  return guarded("STS", { GetCallerIdentity: () => identity }, faults);
}
