import { Provider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { shapeOfThisRun } from "./components/abandon";
import { AnswerRules } from "./components/answerRules";
import { ConfigurationFreeze } from "./components/configurationFreeze";
import { ControlPlane } from "./components/controlPlane";
import { freshCopy } from "./components/copyProof";
import { DashboardAccess } from "./components/dashboardAccess";
import { DatabaseB } from "./components/databaseB";
import { DataPlane } from "./components/dataPlane";
import { DataPlaneA } from "./components/dataPlaneA";
import { frameless } from "./components/failure";
import { hostOfThisRun } from "./components/host";
import { Monitoring } from "./components/monitoring";
import { DatabaseNetwork, TrafficNetwork } from "./components/network";
import { proof } from "./components/proof";
import { type CommandSecrets, databaseBSecrets } from "./components/secrets";
import { settingsOfThisStack } from "./components/stackSettings";
import { StageGate } from "./components/stageGate";
import { TrafficSplit } from "./components/trafficSplit";
import { registered, wayBack } from "./components/wayBack";
import { databaseBInstance, dpManagerAddressB } from "./migration/names";
import { gateRequestOf, scopeOf, wayBackRequestOf } from "./migration/scope";
import { type ListenerSettings, type Settings } from "./migration/settings";

/** The program: what the stage of this stack means, in the order of the migration guide. */
async function program(): Promise<Record<string, unknown>> {
  try {
    return await programOfThisStack();
  } catch (error) {
    throw frameless(error);
  }
}

async function programOfThisStack(): Promise<Record<string, unknown>> {
  const outcome = settingsOfThisStack();
  if (outcome.kind === "settings") return migrate(outcome.settings);
  // At `rollback` a mistake elsewhere in the settings does not hold the listener; the run still ends as a failure.
  await onlyWayBack(outcome.settings);
  throw outcome.error;
}

async function migrate(settings: Settings): Promise<Record<string, unknown>> {
  const { stage, gatewayGroups, clusterA, clusterB } = settings;
  const host = hostOfThisRun(__dirname);

  const databaseADsn = pulumi.secret(settings.databaseADsn);
  const controlPlaneToken = pulumi.secret(settings.controlPlaneToken);
  const secrets = { databaseADsn, controlPlaneToken, ...newSecretsOfB(settings) };
  const { testCredentials, metricsCredentials } = settings;
  const gate = new StageGate("gate", {
    request: gateRequestOf(settings),
    secrets: {
      ...secrets,
      ...(testCredentials === undefined ? {} : { testCredentials }),
      ...(metricsCredentials === undefined ? {} : { metricsCredentials }),
    },
    host,
  });

  // On the way up nothing is declared before the gate passed; on the way back the listener waits for nothing.
  const back = stage === "rollback" || stage === "abandon";
  if (!back) await gate.passed();
  const { loadBalancerSecurityGroups: securityGroups } = new TrafficNetwork("network", settings);
  const split = new TrafficSplit("traffic", { settings, securityGroups, gate });
  await gate.passed();
  const shape = await shapeOfThisRun(stage, gate);

  const ownDatabase = databaseBInstance(settings) !== undefined;
  const databaseNetwork = ownDatabase ? new DatabaseNetwork("database-network", settings) : undefined;
  new Monitoring("monitoring", { settings, split, database: shape.databaseB !== "none" });
  const a = new Provider("cluster-a", clusterProvider(clusterA));
  const b = new Provider("cluster-b", clusterProvider(clusterB));
  new DataPlaneA("data-plane-a", { settings, split, provider: a });

  // Step 1: A's configuration. At `abandon` the freeze is what gives A its sizes back.
  if (stage !== "prepare") new ConfigurationFreeze("freeze", { settings, provider: a, secrets });

  // Step 2: database B, restored and proved.
  const database =
    shape.databaseB === "none"
      ? undefined
      : new DatabaseB("database-b", { settings, network: databaseNetwork, secrets });

  // Step 3: control plane B, and the data planes that can only be pinned to it.
  if (database !== undefined && shape.controlPlaneB) {
    const { dsn, proved } = database;
    const controlPlane = new ControlPlane("control-plane-b", {
      settings,
      host,
      provider: b,
      dsn,
      controlPlaneToken,
      dependsOn: [proved],
      beforeStart: [freshCopy("control-plane-b", { gate, maximumAgeHours: settings.proof.maximumAgeHours })],
    });
    new DashboardAccess("dashboard-b", { settings, controlPlane });
    const dataPlanes = gatewayGroups.map((group) => {
      const targetGroup = split.of(group).targetGroupB;
      return new DataPlane(`data-plane-b-${group.name}`, {
        settings,
        group,
        host,
        controlPlane,
        targetGroup,
        controlPlaneToken,
      });
    });
    if (settings.compareAnswers !== undefined) new AnswerRules("answers", settings, split);
    proof(
      "cluster-b-healthy",
      { name: "health", request: scopeOf(settings), secrets: { ...databaseBSecrets(secrets), controlPlaneToken } },
      { dependsOn: dataPlanes.flatMap(({ ready }) => [...ready]) },
    );
  }

  // Steps 4 and 5 are the weights in `split`, moved by the stage alone.
  return {
    stage,
    weights: { a: 100 - shape.weightB, b: shape.weightB },
    // After `decommission` A has nothing to serve with: there is no way back that anybody should copy.
    ...(stage === "decommission" ? {} : { wayBack: wayBack(split, gate, settings.region) }),
    record: gate.record,
    ...(database === undefined
      ? {}
      : { databaseBIdentifier: database.identifier, databaseProof: database.proved.stdout }),
    ...(database?.copied === undefined ? {} : { databaseCopy: database.copied }),
    ...(shape.controlPlaneB
      ? { dpManagerAddress: dpManagerAddressB(clusterB.namespace, settings.controlPlane.domain?.name) }
      : {}),
    ...(split.dnsName === undefined ? {} : { loadBalancerDnsName: split.dnsName }),
  };
}

/** The listener and the record alone. Waits for both: an error right away would end the run before. */
async function onlyWayBack(settings: ListenerSettings): Promise<void> {
  const secrets = { databaseBPassword: newPassword().result };
  const gate = new StageGate("gate", { request: wayBackRequestOf(settings), secrets, host: hostOfThisRun(__dirname) });
  const { loadBalancerSecurityGroups: securityGroups } = new TrafficNetwork("network", settings);
  const split = new TrafficSplit("traffic", { settings, securityGroups, gate });
  await registered(split.groups.map(({ carrier }) => carrier));
  await gate.passed();
}

/** What logs in on database B after the restore: new passwords, or the connection string of a database that was there. */
function newSecretsOfB({ databaseB, databaseBDsn }: Settings): Partial<CommandSecrets> {
  if (databaseBDsn !== undefined) return { databaseBDsn: pulumi.secret(databaseBDsn) };
  const { applicationUser = databaseB.username } = databaseB;
  return {
    databaseBPassword: newPassword().result,
    ...(applicationUser === databaseB.username
      ? {}
      : { databaseBApplicationPassword: newPassword("database-b-application-password").result }),
  };
}

/** A new password for database B. Letters and digits: it travels in a connection string. */
function newPassword(name = "database-b-password"): RandomPassword {
  return new RandomPassword(name, { length: 32, special: false });
}

function clusterProvider(cluster: Settings["clusterA" | "clusterB"]): ConstructorParameters<typeof Provider>[1] {
  const { kubeconfig, context, identifier } = cluster;
  // Without the identifier another host name of the same API server would plan the replacement of everything in it.
  return { kubeconfig, clusterIdentifier: identifier, ...(context === undefined ? {} : { context }) };
}

export = program;
