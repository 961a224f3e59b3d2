import { doing, existing, type Handler, type Look, ProviderError, type Services, unlessGone } from "./handler";
import { INPUTS } from "./inputs";

/** What is kept beside an alarm's own inputs. */
const BESIDE: readonly string[] = ["name", "tags", "region"];

/** `aws.cloudwatch.MetricAlarm`. */
export function metricAlarmHandler({ account, cloudWatch }: Services): Handler {
  const look = async (name: string): Promise<Look | undefined> => {
    const alarm = await cloudWatch.DescribeAlarms({ name });
    if (alarm === undefined) return undefined;
    return {
      inputs: { ...alarm.input, name, tags: alarm.tags, region: account.region },
      computed: { arn: account.alarmArn(name) },
    };
  };
  const put = async (props: Readonly<Record<string, unknown>>): Promise<void> => {
    const inputs = INPUTS["cloudwatch/metricAlarm"].parse(props);
    const { name, tags } = inputs;
    const input = Object.fromEntries(Object.entries(inputs).filter(([key]) => !BESIDE.includes(key)));
    await doing(`creating CloudWatch Metric Alarm (${name})`, () => cloudWatch.PutMetricAlarm({ name, input, tags }));
  };

  return {
    async create(props) {
      const { name } = INPUTS["cloudwatch/metricAlarm"].parse(props);
      if ((await cloudWatch.DescribeAlarms({ name })) !== undefined) {
        throw new ProviderError(`CloudWatch metric alarm "${name}" already exists`);
      }
      await put(props);
      return { id: name, ...(await existing(name, () => look(name))) };
    },

    read: look,

    async update(name, props) {
      await put(props);
      return existing(name, () => look(name));
    },

    async delete(name) {
      await doing(`deleting CloudWatch Metric Alarm (${name})`, () =>
        unlessGone(["ResourceNotFound"], () => cloudWatch.DeleteAlarms({ name })),
      );
    },
  };
}

/** `aws.cloudwatch.Dashboard`. */
export function dashboardHandler({ account, cloudWatch }: Services): Handler {
  const look = async (name: string): Promise<Look | undefined> => {
    const body = await unlessGone(["ResourceNotFound"], () => cloudWatch.GetDashboard({ name }));
    if (body === undefined) return undefined;
    return {
      inputs: { dashboardName: name, dashboardBody: body, region: account.region },
      computed: { dashboardArn: account.dashboardArn(name) },
    };
  };
  const put = async (props: Readonly<Record<string, unknown>>): Promise<string> => {
    const { dashboardName: name, dashboardBody: body } = INPUTS["cloudwatch/dashboard"].parse(props);
    await doing(`putting CloudWatch Dashboard (${name})`, () => cloudWatch.PutDashboard({ name, body }));
    return name;
  };

  return {
    async create(props) {
      const name = await put(props);
      return { id: name, ...(await existing(name, () => look(name))) };
    },

    read: look,

    async update(name, props) {
      await put(props);
      return existing(name, () => look(name));
    },

    async delete(name) {
      await doing(`deleting CloudWatch Dashboard (${name})`, () =>
        unlessGone(["ResourceNotFound"], () => cloudWatch.DeleteDashboards({ name })),
      );
    },
  };
}
