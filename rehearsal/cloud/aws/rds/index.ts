import { guarded, type Guarded } from "../actions";
import { type Faults } from "../faults";
import { type GroupActions, groupActions } from "./groups";
import { type InstanceActions, instanceActions } from "./instances";
import { type SnapshotActions, snapshotActions } from "./snapshots";
import { type RdsState } from "./state";

/** RDS's actions by AWS's names, with faults in front. */
export type Rds = Guarded<InstanceActions & SnapshotActions & GroupActions>;

export function rdsActions(state: RdsState, faults: Faults): Rds {
  return guarded("RDS", { ...instanceActions(state), ...snapshotActions(state), ...groupActions(state) }, faults);
}
