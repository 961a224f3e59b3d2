import { delimiter, join } from "node:path";
import { type World } from "./cloud";
import { localEngineEnvironment } from "./engine";

/** Where the AWS SDK finds the local AWS, for the engine's children and for the checks that hooks start here. */
export function awsEnvironment(world: World): Record<string, string> {
  return {
    AWS_ENDPOINT_URL: world.awsEndpoint,
    AWS_REGION: world.region,
    AWS_ACCESS_KEY_ID: "AKIAREHEARSAL0000000",
    AWS_SECRET_ACCESS_KEY: "rehearsal",
    // On Node 20 the SDK warns of its own plans for 2027, in the middle of a scenario's lines. The version is pinned.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
  };
}

/**
 * The environment of one run's engine.
 *
 * @param path folders of the plugins and of the language host, before everything else
 */
export function engineEnvironment(home: string, path: string, world: World): Record<string, string> {
  return {
    ...localEngineEnvironment(join(home, "pulumi")),
    PULUMI_BACKEND_URL: `file://${join(home, "state")}`,
    PATH: [path, process.env["PATH"] ?? ""].join(delimiter),
    ...awsEnvironment(world),
  };
}
