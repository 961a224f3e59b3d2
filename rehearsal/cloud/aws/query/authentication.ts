import { AwsError } from "../errors";

const FORM =
  /^AWS4-HMAC-SHA256 Credential=([^/\s]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$/;

/**
 * Looks at the signature's form and scope. The signature itself is not verified: the local AWS gives out no keys, any
 * will do.
 * @throws AwsError as AWS answers missing, malformed and wrongly scoped credentials
 */
export function authenticate(authorization: string | undefined, region: string, service: string): void {
  if (authorization === undefined || authorization === "") {
    throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  const match = FORM.exec(authorization);
  if (match === null) {
    throw new AwsError(
      "IncompleteSignature",
      "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters of Signature Version 4.",
    );
  }
  const [, , , scopedRegion = "", scopedService = ""] = match;
  if (scopedRegion !== region) {
    throw new AwsError(
      "SignatureDoesNotMatch",
      `Credential should be scoped to a valid region, not '${scopedRegion}' (the local AWS is Region '${region}').`,
      403,
    );
  }
  if (scopedService !== service) {
    throw new AwsError("SignatureDoesNotMatch", `Credential should be scoped to correct service: '${service}'.`, 403);
  }
}
