import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsCloud, type DatabaseServer, type DatabaseServers, type World } from "../../../rehearsal/cloud/aws";
import { type LoadBalancerConfig, type LoadBalancerState } from "../../../rehearsal/cloud/loadBalancer";

export const REGION = "eu-central-1";
export const PASSWORD = "first-Password-1";

/** A load balancer that only remembers what it was told. */
export class FakeLoadBalancer {
  configs: LoadBalancerConfig[] = [];
  states: LoadBalancerState["targets"] = {};
  counters: LoadBalancerState["counters"] = {};
  stopped = false;
  refuse: string | undefined;

  apply(config: LoadBalancerConfig): Promise<void> {
    if (this.refuse !== undefined) return Promise.reject(new Error(this.refuse));
    this.configs.push(config);
    return Promise.resolve();
  }

  state(): Promise<LoadBalancerState> {
    return Promise.resolve({ targets: this.states, counters: this.counters });
  }

  stop(): Promise<void> {
    this.stopped = true;
    return Promise.resolve();
  }

  /** Targets of a group as the load balancer was told. */
  targets(targetGroupArn: string): readonly { readonly id: string; readonly port: number }[] {
    return this.config.targetGroups.find(({ arn }) => arn === targetGroupArn)?.targets ?? [];
  }

  /** Rules of the first listener, in the order in which they are tried. */
  rules(): LoadBalancerConfig["listeners"][number]["rules"] {
    return this.config.listeners[0]?.rules ?? [];
  }

  get config(): LoadBalancerConfig {
    const last = this.configs.at(-1);
    if (last === undefined) throw new Error("nothing was applied");
    return last;
  }
}

/** Database servers that only remember what was asked of them. A restored one has the passwords of its snapshot. */
export class FakeServers {
  readonly passwords = new Map<string, string>();
  readonly removed: string[] = [];
  readonly folders = new Map<string, string>();
  failRestore: string | undefined;

  create(o: Parameters<DatabaseServers["create"]>[0]): Promise<DatabaseServer> {
    this.passwords.set(o.name, o.masterPassword);
    return Promise.resolve(this.server(o.name, o.address));
  }

  snapshot(server: DatabaseServer, folder: string): Promise<{ bytes: number }> {
    if (existsSync(folder) || this.folders.has(folder)) return Promise.reject(new Error(`${folder} exists`));
    this.folders.set(folder, this.passwords.get(server.name) ?? "");
    return Promise.resolve({ bytes: 4096 });
  }

  restore({ name, address, folder }: Parameters<DatabaseServers["restore"]>[0]): Promise<DatabaseServer> {
    if (this.failRestore !== undefined) return Promise.reject(new Error(this.failRestore));
    this.passwords.set(name, this.folders.get(folder) ?? "");
    return Promise.resolve(this.server(name, address));
  }

  private server(name: string, address: string): DatabaseServer {
    const server = {
      name,
      address,
      port: 5432,
      running: true,
      setPassword: (_user: string, password: string): Promise<void> => {
        this.passwords.set(name, password);
        return Promise.resolve();
      },
      remove: (): Promise<void> => {
        server.running = false;
        this.removed.push(name);
        return Promise.resolve();
      },
    };
    return server as unknown as DatabaseServer;
  }
}

/** A local AWS over fakes, on a network of its own. */
export interface TestCloud {
  readonly cloud: AwsCloud;
  readonly world: World;
  readonly balancers: FakeLoadBalancer[];
  /** A's load balancer. */
  readonly edge: FakeLoadBalancer;
  readonly servers: FakeServers;
  readonly log: string[];
  readonly network: string;
  stop(): Promise<void>;
}

export async function startCloud(pace = 100_000): Promise<TestCloud> {
  const claimed = await claimNetwork();
  const { network } = claimed;
  const home = mkdtempSync(join(tmpdir(), "aws-test-"));
  const balancers: FakeLoadBalancer[] = [];
  const servers = new FakeServers();
  const log: string[] = [];
  const cloud = await AwsCloud.start({
    network,
    region: REGION,
    home,
    pace,
    startLoadBalancer: () => {
      const balancer = new FakeLoadBalancer();
      balancers.push(balancer);
      return Promise.resolve(balancer);
    },
    postgres: servers,
    versionOf: () => Promise.resolve("15.18"),
    log: (line) => log.push(line),
    // Tests say when counters are looked at.
    watchMetrics: false,
  });
  const world = await cloud.seedBefore({
    listenerPort: 8080,
    adminPort: 8081,
    database: { username: "api7", password: PASSWORD, name: "api7ee" },
  });
  const [edge] = balancers;
  if (edge === undefined) throw new Error("no load balancer was started");
  const stop = async (): Promise<void> => {
    await cloud.stop();
    await claimed.release();
    rmSync(home, { recursive: true, force: true });
  };
  return { cloud, world, balancers, edge, servers, log, network, stop };
}

/** The first free /16 of loopback above those that rehearsals take, held by a listener. */
export async function claimNetwork(): Promise<{ readonly network: string; release(): Promise<void> }> {
  for (let octet = 180; octet < 220; octet++) {
    const network = `127.${octet}`;
    const lock = await new Promise<Server | undefined>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen(4500, `${network}.0.254`, () => resolve(server));
    });
    if (lock === undefined) continue;
    return { network, release: () => new Promise((resolve) => lock.close(() => resolve())) };
  }
  throw new Error("no free loopback network");
}
