import { z } from "zod";
import { group, list, quantity, text, whole } from "./fields";

/** What database B and its configuration are proved by, and what may differ. */

/** How databases are compared. All of it is load on A, which serves meanwhile. */
export const proof = group(
  {
    /** Connections to each database while proving. 1-16, default 2. */
    connections: whole(1, 16, "connections").default(2),
    /** Minutes that one statement may take. 1-240, default 15. */
    statementTimeoutMinutes: whole(1, 240, "minutes").default(15),
    /** Keys of differing rows that a finding shows at most. 1-100, default 10. */
    keysShown: whole(1, 100, "keys").default(10),
    /** Hours after which a proof of the copy says nothing any more, until control plane B starts. 1-168, default 24. */
    maximumAgeHours: quantity(1, 168, "hours").default(24),
  },
  "connections, statementTimeoutMinutes, keysShown and maximumAgeHours",
).prefault({});

/** Tables or columns that may differ between the databases, beyond those the program knows, each with its reason. */
export const volatile = list(
  group(
    {
      table: text("a table's name"),
      columns: list(text("a column's name"), "a list of columns", 1).optional(),
      reason: text("why it may differ"),
    },
    "table, columns and reason",
  ),
  "a list of tables",
).default([]);

const SCALAR = "text, a number, true, false or null";
const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], { error: () => SCALAR });

/**
 * Differences between A's and B's canonical configuration that are meant, each with its reason: an upstream that has
 * another address in B, for instance. Exactly these values; a difference that is not declared holds the way up.
 */
export const differences = list(
  group(
    {
      /** Natural key of the object, as the check of equality prints it. */
      object: text("an object of the configuration"),
      /** Field of the object, as the check prints it. */
      field: text("a field of the object"),
      /** Value on A; null where A has none. Text, number, true, false or null. */
      from: scalar,
      /** Value on B; null where B has none. */
      to: scalar,
      reason: text("why it may differ"),
    },
    "object, field, from, to and reason",
  ),
  "a list of differences",
).default([]);

/**
 * Permission to change the configuration during the migration: opens both dashboards to the operators, and holds every
 * move up while it is set.
 */
export const emergencyChange = group(
  { by: text("the name of who permits it"), reason: text("the reason") },
  "by and reason",
).optional();
