import { type Fault } from "../scenarios/faultSteps";
import { databaseB } from "../scenarios/common";
import { type Rehearsal, RehearsalFailure } from "../rehearsal";

/** What may be wrong with the copy before control plane B starts, and no count shows. */
export function copyFaults(): readonly Fault[] {
  return [
    changed("one row of B changed", /route/, {
      make: `update route set name = name || '-changed' where id = (select min(id) from route)`,
      mend: `update route set name = regexp_replace(name, '-changed$', '') where id = (select min(id) from route)`,
    }),
    rowLost(),
    changed("a sequence of B behind A's", /sequence \S*kine_id_seq/, {
      make: "select setval('kine_id_seq', 1)",
      mend: "select setval('kine_id_seq', (select max(id) from kine) + 1)",
    }),
    changed("an index of B missing", /index \S*kine_name_id/, {
      make: "drop index kine_name_id",
      mend: "create index kine_name_id on kine (name, id)",
    }),
    changed("an extension of B missing", /extension pgcrypto/, {
      make: "drop extension pgcrypto",
      mend: "create extension pgcrypto",
    }),
    changed("a trigger of B switched off", /trigger \S*route/, {
      make: "alter table route disable trigger touch",
      mend: "alter table route enable trigger touch",
    }),
    changed("a table in B that A does not have", /leftover/, {
      make: "create table leftover (id int primary key)",
      mend: "drop table leftover",
    }),
  ];
}

interface Statements {
  readonly make: string;
  readonly mend: string;
}

/** Without triggers and foreign keys: they would change more than the row at hand. */
const ALONE = "set session_replication_role = replica";

function changed(name: string, reason: RegExp, { make, mend }: Statements): Fault {
  return {
    name,
    expected: "hold",
    check: "copy proved",
    reason,
    requestsFail: false,
    async make(rehearsal) {
      await sql(rehearsal, `${ALONE}; ${make}`);
      return async () => {
        await sql(rehearsal, `${ALONE}; ${mend}`);
      };
    },
  };
}

function rowLost(): Fault {
  return {
    name: "one row of B lost",
    expected: "hold",
    check: "copy proved",
    reason: /999 rows in B, 1000 in A|1 only in A/,
    requestsFail: false,
    async make(rehearsal) {
      const found = await sql(rehearsal, "select to_jsonb(r)::text as row from route r order by id limit 1");
      const row = found[0]?.["row"];
      if (typeof row !== "string") throw new RehearsalFailure("database B has no route");
      await sql(rehearsal, `${ALONE}; delete from route where id = (select min(id) from route)`);
      const literal = `'${row.replaceAll("'", "''")}'`;
      const insert = `insert into route select * from jsonb_populate_record(null::route, ${literal})`;
      return async () => {
        await sql(rehearsal, `${ALONE}; ${insert}`);
      };
    },
  };
}

async function sql(rehearsal: Rehearsal, statement: string): Promise<readonly Record<string, unknown>[]> {
  return rehearsal.clouds.call("sql", await databaseB(rehearsal), statement);
}
