import { SampleRoutes } from "../migration/answers";
import { Endpoints } from "../migration/endpoints";
import { NO_INSPECTION, type Inspection } from "../migration/inspection";
import { StatefulPlugins } from "../migration/statefulPlugins";
import { Certificates } from "./certificates";
import { getDeployment } from "./clients/objects";
import { Snapshot } from "./clients/postgres";
import { type CheckContext, type GateContext, type Systems } from "./context";
import { readDocuments } from "./database/configurationDocuments";
import { variablesOf, type Variable } from "./pinningEnvironment";
import { CouldNotLook } from "./result";

/** What the checks of cluster B's surroundings share: the operators' decisions, and one reading of the configuration. */

export interface InspectionContext extends CheckContext {
  readonly inspection: Inspection;
  readonly now: Date;
  readonly soakHours: number;
  readonly standbyHours: number;
}

/** A statement of the reading; the gate of a traffic step has 26 s in all. */
const STATEMENT_MS = 15_000;

export function inspectionContext(context: GateContext): InspectionContext {
  return { ...context, inspection: context.inspection ?? NO_INSPECTION };
}

/** The gateways' variables of one group. A value is undefined where it comes from a Secret. */
export interface GroupEnvironment {
  readonly group: string;
  readonly deployment: string;
  readonly variables: readonly Variable[];
}

export interface ReadConfiguration {
  readonly documents: number;
  readonly endpoints: Endpoints;
  readonly stateful: StatefulPlugins;
  readonly certificates: Certificates;
  readonly routes: SampleRoutes;
  readonly environments: readonly GroupEnvironment[];
}

const readings = new WeakMap<Systems, Promise<ReadConfiguration>>();

/** The configuration in database B, read once for all checks of one gate. @throws CouldNotLook */
export function configurationB(context: CheckContext): Promise<ReadConfiguration> {
  const { systems } = context;
  const before = readings.get(systems);
  if (before !== undefined) return before;
  const reading = read(context);
  readings.set(systems, reading);
  reading.catch(() => readings.delete(systems));
  return reading;
}

async function read(context: CheckContext): Promise<ReadConfiguration> {
  const environments = await environmentsB(context);
  const plain = plainVariables(environments);
  const endpoints = new Endpoints(plain);
  const stateful = new StatefulPlugins(plain);
  const certificates = new Certificates();
  const routes = new SampleRoutes();
  const snapshot = await Snapshot.open(await context.systems.databaseB(), {
    connections: 1,
    statementTimeoutMs: STATEMENT_MS,
    signal: context.signal,
  });
  let documents = 0;
  try {
    for await (const document of readDocuments(snapshot, context.scope.volatile, "database B")) {
      documents += 1;
      endpoints.add(document);
      stateful.add(document);
      certificates.add(document);
      routes.add(document);
    }
  } finally {
    await snapshot.close();
  }
  return { documents, endpoints, stateful, certificates, routes, environments };
}

/** What the gateways of B get as environment, by group. @throws CouldNotLook */
export async function environmentsB(context: CheckContext): Promise<readonly GroupEnvironment[]> {
  const api = await context.systems.cluster("B");
  return Promise.all(
    context.scope.clusterB.dataPlanes.map(async ({ group, deployment: name }) => {
      const deployment = await getDeployment(api, name, context.signal);
      if (!deployment) {
        throw new CouldNotLook(
          `${api.label}, Deployment ${name}`,
          "there is none",
          "pulumi up --refresh at stage start, or correct the names in the settings",
        );
      }
      const { containers } = deployment.spec.template.spec;
      const lists = await Promise.all(containers.map((container) => variablesOf(api, container, context.signal)));
      return { group, deployment: name, variables: lists.flat() };
    }),
  );
}

/** Plain values that all groups agree on: an address that differs from group to group cannot be told. */
function plainVariables(environments: readonly GroupEnvironment[]): ReadonlyMap<string, string> {
  const values = new Map<string, string | undefined>();
  for (const { name, value } of environments.flatMap(({ variables }) => variables)) {
    values.set(name, values.has(name) && values.get(name) !== value ? undefined : value);
  }
  return new Map([...values].flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])));
}
