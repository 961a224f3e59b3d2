import { group, quantity, text } from "./fields";

/**
 * The rehearsal that is demanded before `freeze`: of this very program, with a rollback in it, with the same version,
 * traffic steps and source of database B. Default: none is demanded. Production has it.
 */
export const rehearsal = group(
  {
    /** Ticket that a rehearsal wrote, relative to the project's folder: `ticket.json` of `npm run rehearse`, or `pilot ticket`. */
    file: text("a file"),
    /** Days after which a rehearsal says nothing any more. 1-90, default 14. */
    maximumAgeDays: quantity(1, 90, "days").default(14),
    /** A named person's permission to go without; it goes into the evidence of the preflight. */
    without: group({ by: text("the name of who permits it"), reason: text("the reason") }, "by and reason").optional(),
  },
  "file, maximumAgeDays and without",
).optional();
