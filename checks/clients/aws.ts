import { CouldNotLook, textOf } from "../result";

/** What all AWS clients here have in common. An endpoint other than AWS's own comes from `AWS_ENDPOINT_URL` by itself. */

// On Node 20 the SDK warns of its own plans for 2027, in the middle of what a gate has to say. The version is pinned.
process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] ??= "true";

/** Options of every client: it gives up rather than hang. */
export function clientOptions(region: string): {
  readonly region: string;
  readonly maxAttempts: number;
  readonly requestHandler: { readonly connectionTimeout: number; readonly requestTimeout: number };
} {
  return { region, maxAttempts: 3, requestHandler: { connectionTimeout: 5_000, requestTimeout: 10_000 } };
}

/** Pages of one listing at most: an account has at most 100 rules per load balancer (facts/aws.md 1). */
export const MAX_PAGES = 20;

/** Whether AWS says that the named object does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof Error && /NotFound(Exception|Fault)?$/.test(error.name);
}

/** @param call the API call, `elasticloadbalancing:DescribeRules`: it is also the name of the permission */
export function awsCouldNotLook(error: unknown, call: string, subject: string): CouldNotLook {
  if (error instanceof CouldNotLook) return error;
  const name = error instanceof Error ? error.name : "";
  const remedy = /AccessDenied|Unauthorized|NotAuthorized/.test(name)
    ? `allow ${call} for the caller`
    : /Credential|ExpiredToken|InvalidClientTokenId|SignatureDoesNotMatch|TokenRefresh/.test(name)
      ? "log in to AWS (AWS_PROFILE, or the role of the pipeline) and run again"
      : "check that AWS can be reached from here (region, AWS_ENDPOINT_URL, proxy), then run again";
  return new CouldNotLook(
    subject,
    `${call}: ${name === "" || name === "Error" ? "" : `${name}: `}${textOf(error)}`,
    remedy,
    {
      cause: error,
    },
  );
}
