import { MAX_PAGES } from "../../checks/clients/aws";
import { MAX_ANSWER_BYTES } from "../../checks/clients/http";
import { DEFAULT_CONNECTIONS } from "../../checks/clients/postgres";
import { MAX_ADDRESSES } from "../../checks/clients/probePod";
import { MAX_ROWS } from "../../checks/configuration/side";
import { copyProved } from "../../checks/copyProved";
import { targetGroupName, TARGET_GROUP_NAME_MAXIMUM } from "../../migration/names";
import { MAX_ENTRY_BYTES, MAX_RECORD_BYTES } from "../../migration/record";
import { MAX_KEPT_ROWS } from "../../migration/rowEvidence";
import { SCHEMA } from "../../migration/settings/schema";
import { tableOf } from "./regions";

/** The limits that the program sets itself, as its sources have them. */

const KIB = 1024;
const count = (value: number): string => value.toLocaleString("en-US");

/** Name of the part -> Markdown. */
export function scaleParts(): Readonly<Record<string, string>> {
  const longestGroup = "g".repeat(longest(SCHEMA.gatewayGroups));
  const rest = TARGET_GROUP_NAME_MAXIMUM - targetGroupName("", { name: longestGroup }, "b").length;
  const rows = [
    ["name of the stack, with a gateway group's name as long as it may be", `${rest} characters`, "target group names"],
    [
      "rows of A's configuration whose change is named one by one",
      count(MAX_KEPT_ROWS),
      "evidence; beyond it tables are named",
    ],
    ["rows that differ between A and B and are explained", count(MAX_ROWS), "`still equal` could not look beyond it"],
    [
      "connections to each database while proving, unless set",
      count(DEFAULT_CONNECTIONS),
      "`proof.connections`, at most 16",
    ],
    ["time of the proof of the copy", `${copyProved.limitSeconds / 60} min`, "`copy proved` could not look beyond it"],
    ["addresses tried from B in one look", count(MAX_ADDRESSES), "`dependencies`"],
    ["one answer of an API server or control plane", `${MAX_ANSWER_BYTES / KIB / KIB} MiB`, "lists of pods, logs"],
    ["pages of one listing of AWS", count(MAX_PAGES), "rules of a listener"],
    ["one entry of the record", `${MAX_ENTRY_BYTES / KIB} KiB`, "texts are clipped"],
    ["the record", `${MAX_RECORD_BYTES / KIB} KiB`, "older entries are folded into evidence files"],
  ];
  return { own: tableOf(["what", "at most", "bounds"], rows) };
}

/** Characters that the name of a gateway group may have. */
function longest(groups: typeof SCHEMA.gatewayGroups): number {
  for (let length = 1; length <= TARGET_GROUP_NAME_MAXIMUM; length += 1) {
    const issues = groups.safeParse([{ name: "g".repeat(length) }]).error?.issues ?? [];
    if (issues.some(({ path }) => path.join(".") === "0.name")) return length - 1;
  }
  throw new Error("the name of a gateway group has no limit");
}
