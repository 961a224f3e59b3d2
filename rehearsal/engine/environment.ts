/**
 * The environment of an engine that works on this machine alone (facts/pulumi.md 1): nothing is looked up in, sent to or fetched from
 * Pulumi's services: no look for updates, no download of plugins, no look into the registry for packages, and its own
 * home folder, so that the user's login, plugins and settings are neither read nor changed.
 *
 * `PULUMI_BACKEND_URL` (a `file://` address) is the caller's to add.
 *
 * The passphrase is fixed: stacks of a rehearsal live in a folder thrown away after it and hold made-up secrets only, and
 * the engine wants some passphrase. Whoever opens a stack with real secrets must put another one over it.
 *
 * @param home the engine's home folder (`PULUMI_HOME`), an absolute path; the engine creates it
 */
export function localEngineEnvironment(home: string): Record<string, string> {
  return {
    PULUMI_HOME: home,
    PULUMI_CONFIG_PASSPHRASE: "rehearsal",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    PULUMI_DISABLE_REGISTRY_RESOLVE: "true",
  };
}
