import { guarded, type Guarded } from "../actions";
import { AwsError, validationError } from "../errors";
import { type Faults } from "../faults";
import { type Tags } from "../tags";
import { type MetricDataAnswer } from "./metricData";
import { type AlarmInput, alarmFaults, dashboardFaults, dashboardNameFault } from "./limits";

/** An alarm: kept and shown, never evaluated; its state is what SetAlarmState says. */
export interface Alarm {
  readonly name: string;
  /** In the provider's form. */
  readonly input: AlarmInput;
  readonly tags: Tags;
  readonly state?: { readonly value: AlarmValue; readonly reason: string } | undefined;
}

export type AlarmValue = "OK" | "ALARM" | "INSUFFICIENT_DATA";

type Named = { readonly name: string };

/** CloudWatch's actions, with inputs of their own: the plugin calls them, and the JSON API (jsonApi.ts). */
export type CloudWatchActions = {
  /** As the SDK sends it. */
  GetMetricData(input: unknown): MetricDataAnswer;
  /** Makes an alarm or replaces the one of this name. */
  PutMetricAlarm(input: Alarm): void;
  DescribeAlarms(input: Named): Alarm | undefined;
  SetAlarmState(input: Named & NonNullable<Alarm["state"]>): void;
  DeleteAlarms(input: Named): void;
  /** Makes a dashboard or replaces the one of this name. */
  PutDashboard(input: Named & { readonly body: string }): void;
  GetDashboard(input: Named): string;
  DeleteDashboards(input: Named): void;
};

/** CloudWatch's actions by AWS's names, with faults in front. */
export type CloudWatch = Guarded<CloudWatchActions>;

/** @param metricData what is known of the load balancers (metricData.ts) */
export function cloudWatchActions(faults: Faults, metricData: CloudWatchActions["GetMetricData"]): CloudWatch {
  return guarded("CloudWatch", actions(new Map(), new Map(), metricData), faults);
}

function actions(
  alarms: Map<string, Alarm>,
  dashboards: Map<string, string>,
  metricData: CloudWatchActions["GetMetricData"],
): CloudWatchActions {
  return {
    GetMetricData: metricData,

    PutMetricAlarm(alarm) {
      const [fault] = alarmFaults(
        { ...alarm.input, name: alarm.name },
        (property) => alarm.input[property] !== undefined,
      );
      if (fault !== undefined) throw validationError(`${fault.property}: ${fault.reason}`);
      // An alarm that is changed keeps its state until it is evaluated anew.
      alarms.set(alarm.name, { ...alarm, state: alarms.get(alarm.name)?.state });
    },

    DescribeAlarms: ({ name }) => alarms.get(name),

    SetAlarmState({ name, value, reason }) {
      const alarm = alarms.get(name);
      if (alarm === undefined) throw new AwsError("ResourceNotFound", `Alarm ${name} not found`, 404);
      alarms.set(name, { ...alarm, state: { value, reason } });
    },

    DeleteAlarms({ name }) {
      if (!alarms.delete(name)) throw new AwsError("ResourceNotFound", `Alarm ${name} not found`, 404);
    },

    PutDashboard({ name, body }) {
      const fault = dashboardNameFault(name);
      if (fault !== undefined) throw new AwsError("InvalidParameterValue", fault);
      const faults = dashboardFaults(body);
      if (faults.length > 0) {
        throw new AwsError(
          "InvalidParameterInput",
          `The dashboard body is invalid, there are ${faults.length} validation errors: ${faults.join(" ")}`,
        );
      }
      dashboards.set(name, body);
    },

    GetDashboard({ name }) {
      const body = dashboards.get(name);
      if (body === undefined) throw new AwsError("ResourceNotFound", `Dashboard ${name} does not exist`, 404);
      return body;
    },

    DeleteDashboards({ name }) {
      if (!dashboards.delete(name)) throw new AwsError("ResourceNotFound", `Dashboard ${name} does not exist`, 404);
    },
  };
}
