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

/** Sets variables of this process; the function that comes back puts the old ones in their place again. */
export function setEnvironment(variables: Readonly<Record<string, string>>): () => Promise<void> {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return async () => {
    for (const [name, value] of before) {
      // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a variable that was not there must not be empty now
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    return Promise.resolve();
  };
}

/** Ends things one after the other, whatever fails on the way. @returns what failed */
export async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<readonly Error[]> {
  const failures: Error[] = [];
  for (const close of closers) {
    try {
      await close();
    } catch (error) {
      failures.push(error instanceof Error ? error : new Error(String(error)));
    }
  }
  return failures;
}
