import { connectionsNeeded, SPARE_CONNECTIONS } from "../../connections";
import { databaseBIdentifier } from "../../names";
import { setCommand } from "../commands";
import { WEEKDAYS } from "../calendarSchema";
import { readText } from "../findings";
import { finding, type Rule, repeated } from "./rule";

/** Rules about database B: what RDS would refuse, some of it only after an hour of restoring. */

const RDS_IDENTIFIER_MAXIMUM = 63;
const DAY_MINUTES = 24 * 60;
const WEEK_MINUTES = 7 * DAY_MINUTES;
/** RDS asks for at least that much. */
const WINDOW_MINIMUM_MINUTES = 30;

const databaseNameFits: Rule = ({ databaseB }, { stack }) => {
  if (databaseB === undefined) return [];
  const identifier = databaseBIdentifier({ stack, databaseB });
  if (/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(identifier) && identifier.length <= RDS_IDENTIFIER_MAXIMUM) return [];
  return [
    {
      path: "stack",
      read: readText(stack),
      expected: `a stack name that makes an RDS identifier: ${identifier} is none`,
      remedy: "pulumi stack init NAME, with lower-case letters, digits and single hyphens",
      effect: "refusal",
    },
  ];
};

const provisionedStorage: Rule = ({ databaseB }) => {
  if (databaseB === undefined) return [];
  const { storageType, iops } = databaseB;
  if (storageType === "gp3" || iops !== undefined) return [];
  return [
    finding(
      ["databaseB", "iops"],
      undefined,
      `the operations per second, since storageType is ${storageType}`,
      "refusal",
    ),
  ];
};

const subnetsDiffer: Rule = ({ network, loadBalancer }) => {
  const findings = repeated(network?.databaseSubnetIds ?? [], (id) => id).map(({ entry, index, before }) =>
    finding(["network", "databaseSubnetIds", index], entry, another("databaseSubnetIds", before), "refusal"),
  );
  const own = loadBalancer?.kind === "new" ? loadBalancer.subnetIds : [];
  return [
    ...findings,
    ...repeated(own, (id) => id).map(({ entry, index, before }) =>
      finding(["loadBalancer", "subnetIds", index], entry, another("subnetIds", before), "listener"),
    ),
  ];
};

function another(list: string, before: number): string {
  return `another subnet than ${list}[${before}], in another zone`;
}

const windowsOfRds: Rule = ({ databaseB }) => {
  if (databaseB === undefined) return [];
  const { backupWindow, maintenanceWindow } = databaseB;
  const backup = daily(backupWindow);
  const maintenance = weekly(maintenanceWindow);
  const long = `at least ${WINDOW_MINIMUM_MINUTES} minutes`;
  const findings = [
    ...(backup.minutes < WINDOW_MINIMUM_MINUTES
      ? [finding(["databaseB", "backupWindow"], backupWindow, `a window of ${long}`, "refusal")]
      : []),
    ...(maintenance.minutes < WINDOW_MINIMUM_MINUTES || maintenance.minutes > DAY_MINUTES
      ? [
          finding(
            ["databaseB", "maintenanceWindow"],
            maintenanceWindow,
            `a window of ${long}, at most a day`,
            "refusal",
          ),
        ]
      : []),
  ];
  if (findings.length > 0) return findings;
  const days = Array.from({ length: WEEKDAYS.length }, (_, day) => ({
    ...backup,
    begin: backup.begin + day * DAY_MINUTES,
  }));
  if (!days.some((window) => overlap(window, maintenance))) return [];
  const path = ["databaseB", "backupWindow"];
  const end = (maintenance.begin + maintenance.minutes) % DAY_MINUTES;
  const free = `${clock(end)}-${clock(end + backup.minutes)}`;
  const fits = !days.some((_, day) =>
    overlap({ begin: end + day * DAY_MINUTES, minutes: backup.minutes }, maintenance),
  );
  const expected = `a window beside maintenanceWindow, ${maintenanceWindow}: RDS refuses windows that overlap`;
  return [finding(path, backupWindow, expected, "refusal", setCommand(path, fits ? free : undefined))];
};

interface Window {
  /** Minutes since Monday, 00:00 UTC. */
  readonly begin: number;
  readonly minutes: number;
}

/** `01:00-02:00`, of a Monday. */
function daily(text: string): Window {
  const [from = "", to = ""] = text.split("-");
  const begin = minutes(from);
  return { begin, minutes: (minutes(to) - begin + DAY_MINUTES) % DAY_MINUTES };
}

/** `sun:03:00-sun:04:00` */
function weekly(text: string): Window {
  const moment = (part: string): number =>
    WEEKDAYS.findIndex((day) => part.startsWith(day)) * DAY_MINUTES + minutes(part.slice(4));
  const [from = "", to = ""] = text.split("-");
  const begin = moment(from);
  return { begin, minutes: (moment(to) - begin + WEEK_MINUTES) % WEEK_MINUTES };
}

/** Whether two windows of the week share a minute; both may pass its end. */
function overlap(a: Window, b: Window): boolean {
  const within = (from: Window, other: Window): boolean =>
    (other.begin - from.begin + WEEK_MINUTES) % WEEK_MINUTES < from.minutes;
  return within(a, b) || within(b, a);
}

function minutes(clockText: string): number {
  const [hours = 0, rest = 0] = clockText.split(":").map(Number);
  return hours * 60 + rest;
}

function clock(at: number): string {
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(at / 60) % 24)}:${two(at % 60)}`;
}

/** The live limit is looked at by a check; here is what a parameter of the settings tells. */
const poolsFit: Rule = ({ databaseB, controlPlane }) => {
  const text = databaseB?.parameters["max_connections"];
  if (controlPlane === undefined || text === undefined || !/^\d+$/.test(text)) return [];
  const needed = connectionsNeeded(controlPlane) + SPARE_CONNECTIONS;
  if (Number(text) >= needed) return [];
  const path = ["databaseB", "parameters", "max_connections"];
  const expected = `at least ${needed}: control plane B's pods with full pools, those of a rolling update, and ${SPARE_CONNECTIONS} to spare`;
  return [finding(path, text, expected, "refusal", setCommand(path, String(needed)))];
};

export const DATABASE_RULES: readonly Rule[] = [
  databaseNameFits,
  provisionedStorage,
  subnetsDiffer,
  windowsOfRds,
  poolsFit,
];
