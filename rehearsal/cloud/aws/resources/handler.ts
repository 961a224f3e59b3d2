import { type Account } from "../account";
import { type CloudWatch } from "../cloudwatch";
import { type Ec2 } from "../ec2/actions";
import { type Elb } from "../elb";
import { OperationError } from "../errors";
import { type Rds } from "../rds";
import { type RdsState } from "../rds/state";
import { type Sts } from "../sts";

/** Plain JSON properties, by the names of the Pulumi SDK. */
export type Props = Readonly<Record<string, unknown>>;

/** A resource as it is now. */
export interface Look {
  /** Everything that inputs can say, as it is in the world. */
  readonly inputs: Props;
  /** Everything else. */
  readonly computed: Props;
}

export interface Made extends Look {
  readonly id: string;
}

/** What an update answers: the resource, and what its operator should know. */
export interface Changed extends Look {
  readonly notes?: readonly string[];
}

/** What the provider does for one resource type, by AWS's actions, in the order in which the real one calls them. */
export interface Handler {
  create(inputs: Props): Promise<Made>;
  /** Nothing when the resource is gone. */
  read(id: string): Promise<Look | undefined>;
  /** Brings the resource to these inputs, from whatever it is now. */
  update(id: string, inputs: Props): Promise<Changed>;
  /** @param state the last known inputs, which say how to delete. Succeeds when the resource is gone. */
  delete(id: string, state: Props): Promise<void>;
}

/** All services that a handler may call. */
export interface Services {
  readonly account: Account;
  readonly ec2: Ec2;
  readonly elb: Elb;
  readonly rds: Rds;
  readonly rdsState: RdsState;
  readonly cloudWatch: CloudWatch;
  readonly sts: Sts;
}

/** An operation that failed, worded as the real provider words it. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";

  constructor(
    message: string,
    /** Set when the resource is there but is not as it should be. */
    readonly partial?: Made,
  ) {
    super(message);
  }
}

/** Runs calls of one operation; their errors get its name in front, as `creating RDS DB Instance (api7-b): ...`. */
export async function doing<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof OperationError) throw new ProviderError(`${what}: ${error.message}`);
    throw error;
  }
}

/** Runs what is left to do once a resource exists: from here on a failure leaves it behind, and says so. */
export async function finishing(
  id: string,
  look: () => Promise<Look | undefined>,
  run: () => Promise<void>,
): Promise<Made> {
  try {
    await run();
  } catch (error) {
    const seen = await look();
    if (error instanceof ProviderError && seen !== undefined) throw new ProviderError(error.message, { id, ...seen });
    throw error;
  }
  return { id, ...(await existing(id, look)) };
}

/** A resource that must be there. */
export async function existing(id: string, look: () => Promise<Look | undefined>): Promise<Look> {
  const seen = await look();
  if (seen === undefined) throw new ProviderError(`${id} was not found after it had been made or changed.`);
  return seen;
}

/** A status as it stands in a message. */
export function statusOf(look: Look | undefined): string {
  const status = look?.computed["status"];
  return typeof status === "string" ? status : "gone";
}

/** The answer, or nothing where AWS answers with one of these codes. */
export async function unlessGone<T>(codes: readonly string[], run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof OperationError && codes.includes(error.aws.code)) return undefined;
    throw error;
  }
}
