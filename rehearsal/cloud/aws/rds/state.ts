import { setTimeout as delay } from "node:timers/promises";
import { type Network } from "../ec2/network";
import { AwsError } from "../errors";
import {
  type DatabaseServer,
  type DatabaseServers,
  type Instance,
  type ParameterGroup,
  type Snapshot,
  type SubnetGroup,
} from "./records";

/** What the databases need from outside. */
export interface RdsOptions {
  readonly network: Network;
  readonly servers: DatabaseServers;
  /** Folder for snapshots. */
  readonly home: string;
  /** Divides waits. */
  readonly pace: number;
  readonly nextAddress: () => string;
  /** Asks a server for its version, e.g. `15.18`. */
  readonly versionOf: (server: DatabaseServer) => Promise<string>;
  readonly log: (line: string) => void;
}

/** Instances, snapshots and groups. Instances are kept by identifier, which a rename changes. */
export class RdsState {
  readonly instances = new Map<string, Instance>();
  readonly snapshots = new Map<string, Snapshot>();
  readonly subnetGroups = new Map<string, SubnetGroup>();
  readonly parameterGroups = new Map<string, ParameterGroup>();
  private readonly work = new Map<string, Promise<void>>();
  private readonly stopped = new AbortController();

  constructor(readonly options: RdsOptions) {
    options.network.users.push((securityGroupId) => {
      const user = [...this.instances.values()].find(({ settings }) =>
        settings.VpcSecurityGroupIds.includes(securityGroupId),
      );
      return user === undefined ? undefined : `DB instance ${user.identifier}`;
    });
  }

  /** @throws AwsError `DBInstanceNotFound` */
  instance(identifier: string): Instance {
    const instance = this.instances.get(identifier);
    if (instance === undefined) throw new AwsError("DBInstanceNotFound", `DBInstance ${identifier} not found.`, 404);
    return instance;
  }

  /** By the id that a rename leaves. */
  instanceByResourceId(resourceId: string): Instance | undefined {
    return [...this.instances.values()].find((instance) => instance.resourceId === resourceId);
  }

  /** @throws AwsError `DBSnapshotNotFound` */
  snapshot(identifier: string): Snapshot {
    const snapshot = this.snapshots.get(identifier);
    if (snapshot === undefined) throw new AwsError("DBSnapshotNotFound", `DBSnapshot not found: ${identifier}`, 404);
    return snapshot;
  }

  /** @throws AwsError `DBSubnetGroupNotFoundFault` */
  subnetGroup(name: string): SubnetGroup {
    const group = this.subnetGroups.get(name);
    if (group === undefined) {
      throw new AwsError("DBSubnetGroupNotFoundFault", `DB subnet group '${name}' does not exist.`, 404);
    }
    return group;
  }

  /** @throws AwsError `DBParameterGroupNotFound` */
  parameterGroup(name: string): ParameterGroup {
    const group = this.parameterGroups.get(name);
    if (group === undefined) {
      throw new AwsError("DBParameterGroupNotFound", `DBParameterGroup not found: ${name}`, 404);
    }
    return group;
  }

  /** Changes an instance where it is now, under whatever name. An instance that is gone stays gone. */
  edit(resourceId: string, change: Partial<Instance>): void {
    const before = this.instanceByResourceId(resourceId);
    if (before === undefined) return;
    const after = { ...before, ...change };
    if (after.identifier !== before.identifier) this.instances.delete(before.identifier);
    this.instances.set(after.identifier, after);
  }

  editSnapshot(identifier: string, change: Partial<Snapshot>): void {
    const before = this.snapshots.get(identifier);
    if (before !== undefined) this.snapshots.set(identifier, { ...before, ...change });
  }

  /**
   * Lets something of AWS's go on after its call was answered, as instances and snapshots are made. What is expected to
   * fail belongs into the record's status; anything else is logged.
   */
  background(id: string, run: () => Promise<void>): void {
    const before = this.work.get(id) ?? Promise.resolve();
    const failed = (error: unknown): void => {
      this.options.log(`rds: work on ${id} failed: ${error instanceof Error ? error.message : String(error)}`);
    };
    this.work.set(id, before.then(run).catch(failed));
  }

  /** Waits until nothing goes on any more for the resource id or snapshot identifier. */
  async settled(id: string): Promise<void> {
    await this.work.get(id);
  }

  /** Waits `seconds` of AWS's time, which pace shortens. */
  async wait(seconds: number): Promise<void> {
    const aborted = (error: unknown): void => {
      if (!this.stopped.signal.aborted) throw error;
    };
    await delay((seconds * 1000) / this.options.pace, undefined, { signal: this.stopped.signal }).catch(aborted);
  }

  /** Cuts all waits short and lets what goes on come to its end. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.work.values());
  }
}
