import { type Failure, type Props, type ProviderDefinition } from "../framework";
import { call } from "./client";
import { types } from "./types";

/** Settings that mean something to the local AWS, or nothing that a rehearsal could miss. */
const MODELLED_SETTINGS = [
  "region",
  "profile",
  "accessKey",
  "secretKey",
  "token",
  "allowedAccountIds",
  "defaultTags",
  "maxRetries",
  "retryMode",
  "skipCredentialsValidation",
  "skipMetadataApiCheck",
  "skipRegionValidation",
  "skipRequestingAccountId",
] as const;

/** The stand-in for the package `@pulumi/aws`. @param version of the SDK */
export function awsProvider(version: string): ProviderDefinition {
  return {
    name: "aws",
    version,
    types,
    replaceProviderOn: ["region"],

    checkConfig(news) {
      const unmodelled = Object.keys(news)
        .filter((key) => !MODELLED_SETTINGS.some((known) => known === key))
        .map((property): Failure => ({
          property,
          reason: "The local AWS does not model this setting of the provider. Leave it out in rehearsals.",
        }));
      if (regionOf(news) !== undefined) return unmodelled;
      const reason = "No Region is set. Set it with `pulumi config set aws:region REGION`.";
      return [...unmodelled, { property: "region", reason }];
    },

    /** As the real provider does: who am I, and is that account allowed? */
    async configure(config) {
      const { computed = {} } = await call("identity", {});
      const { accountId, region } = computed;
      if (regionOf(config) !== region) {
        throw new Error(
          `The local AWS is Region ${JSON.stringify(region)}, the provider's is ${JSON.stringify(regionOf(config))}. Set aws:region.`,
        );
      }
      const allowed = config["allowedAccountIds"];
      if (Array.isArray(allowed) && !allowed.includes(accountId)) {
        throw new Error(`AWS account ID not allowed: ${JSON.stringify(accountId)}`);
      }
    },
  };
}

function regionOf(config: Props): unknown {
  return config["region"] ?? process.env["AWS_REGION"] ?? process.env["AWS_DEFAULT_REGION"];
}
