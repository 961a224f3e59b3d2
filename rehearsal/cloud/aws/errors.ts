import { randomUUID } from "node:crypto";

/** An error with AWS's code and wording, as a service answers it. */
export class AwsError extends Error {
  override readonly name = "AwsError";

  /**
   * @param code AWS's code, e.g. `TargetGroupNotFound`: what SDKs turn into an exception's name
   * @param httpStatus 400 unless AWS answers another one (404 for RDS's "not found", 5xx for its own failures)
   */
  constructor(
    readonly code: string,
    message: string,
    readonly httpStatus = 400,
  ) {
    super(message);
  }
}

/** An error of AWS's general kind for inputs that break a rule. */
export function validationError(message: string): AwsError {
  return new AwsError("ValidationError", message);
}

/**
 * The request is sound on AWS, but the local cloud does not model it: refused, because ignoring it would make a
 * rehearsal promise what it did not try.
 */
export function notModelled(what: string, instead: string): AwsError {
  return new AwsError("NotModelledLocally", `The local AWS does not model ${what}. ${instead}`, 501);
}

/** A call that failed, worded as the real provider shows it (it is written with the AWS SDK for Go v2). */
export class OperationError extends Error {
  override readonly name = "OperationError";

  constructor(
    service: string,
    readonly action: string,
    readonly aws: AwsError,
  ) {
    super(
      `operation error ${service}: ${action}, https response error StatusCode: ${aws.httpStatus}, ` +
        `RequestID: ${randomUUID()}, api error ${aws.code}: ${aws.message}`,
    );
  }
}
