import { Snapshot } from "../../../checks/clients/postgres";
import {
  compareConfigurations,
  type ConfigurationComparison,
} from "../../../checks/configuration/compareConfigurations";
import { seedDatabase } from "../../../rehearsal/cloud/seed/index";
import { type MigrationScope } from "../../../migration/gateRequest";
import { TestServer } from "../support/postgres";

/** Two databases as a migration has them: B is a copy of A, and A holds what an installation has after months. */
export class SeededPair {
  private constructor(readonly server: TestServer) {}

  static async start(address: string): Promise<SeededPair> {
    const server = await TestServer.start(address);
    await server.run("api7ee", "create database seeded");
    await seedDatabase({
      connectionString: server.dsn("seeded"),
      upstream: { host: "127.0.0.1", port: 8080 },
      routes: 1_000,
      version: "3.9.18",
    });
    return new SeededPair(server);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** Both as they were after the copy. */
  async copy(): Promise<void> {
    for (const name of ["a", "b"]) {
      await this.server.run(
        "api7ee",
        `drop database if exists ${name} with (force)`,
        `create database ${name} template seeded`,
      );
    }
  }

  async both(...statements: readonly string[]): Promise<void> {
    await Promise.all(["a", "b"].map((name) => this.server.run(name, ...statements)));
  }

  async compare(declared: MigrationScope["volatile"] = []): Promise<ConfigurationComparison> {
    const options = { statementTimeoutMs: 20_000, signal: new AbortController().signal };
    const snapshots = await Promise.all(
      (["a", "b"] as const).map((name) => Snapshot.open(this.server.target(name), options)),
    );
    const [a, b] = snapshots;
    try {
      if (!a || !b) throw new Error("no snapshot");
      return await compareConfigurations(a, b, declared);
    } finally {
      await Promise.all(snapshots.map((snapshot) => snapshot.close()));
    }
  }
}

/** `object field: a -> b`, one line a difference. */
export function lines({ differences }: ConfigurationComparison): readonly string[] {
  return differences.map(({ object, field, a, b }) => `${object} ${field}: ${String(a)} -> ${String(b)}`);
}
