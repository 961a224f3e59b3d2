import { readSettings, type Settings } from "../../migration/settings";
import { readStackFile } from "../stackFile";
import { Examination, type Diagnosis } from "./examination";
import { examineDumpTools, examineEngine, examineMachine, examinePlugins } from "./machine";
import { type RunOptions } from "./programs";
import {
  examineClock,
  examineCluster,
  examineDatabaseA,
  examineIdentity,
  examineLoadBalancer,
  examineMetrics,
  examineRds,
  examineState,
} from "./systems";

export interface DoctorRequest extends RunOptions {
  /** Undefined: only the machine is looked at. */
  readonly stack: string | undefined;
  /** Version of Node, `20.20.2`. */
  readonly node: string;
  readonly now: () => Date;
}

/**
 * Everything that a migration needs of this machine, and of what it reaches: nothing is changed, and what could not be
 * looked at is told as such.
 * @throws BadInput outside of the project's folder, or when there is no such stack file
 */
export async function examine(request: DoctorRequest): Promise<Diagnosis> {
  const exam = new Examination();
  const { stack } = request;
  if (stack === undefined) {
    await Promise.all([
      examineMachine(exam, request),
      exam.look(() => examineEngine(exam, { ...request, forStack: false })),
    ]);
    exam.note("credentials, databases, clusters and plugins are looked at with --stack NAME");
    return exam.diagnosis();
  }
  const settings = await settingsOf(exam, request.folder, stack);
  await Promise.all([
    examineMachine(exam, request),
    exam.look(async () => {
      if (!(await examineEngine(exam, { ...request, forStack: true }))) return;
      await Promise.all([
        exam.look(() => examinePlugins(exam, request)),
        exam.look(() => examineState(exam, stack, request)),
      ]);
    }),
    ...(settings === undefined ? [] : systemsOf(exam, stack, settings, request)),
  ]);
  if (settings === undefined) exam.note("what the settings name was not looked at: mend them first");
  return exam.diagnosis();
}

function systemsOf(
  exam: Examination,
  stack: string,
  settings: Settings,
  request: DoctorRequest,
): readonly Promise<unknown>[] {
  const { signal, environment } = request;
  const { source, engineVersion } = settings.databaseB;
  const dumpMajor = source.kind === "dump" ? Number.parseInt(engineVersion, 10) : undefined;
  return [
    exam.look(() => examineDumpTools(exam, dumpMajor, environment)),
    exam.look(() => examineIdentity(exam, settings, signal)),
    exam.look(() => examineLoadBalancer(exam, settings, signal)),
    exam.look(() => examineRds(exam, settings, signal)),
    exam.look(() => examineClock(exam, settings.region, request)),
    exam.look(() => examineMetrics(exam, settings, signal)),
    exam.look(() => examineDatabaseA(exam, stack, request)),
    exam.look(() => examineCluster(exam, "A", settings, signal)),
    exam.look(() => examineCluster(exam, "B", settings, signal)),
  ];
}

async function settingsOf(exam: Examination, folder: string, stack: string): Promise<Settings | undefined> {
  const { raw } = await readStackFile({ folder, stack });
  const outcome = readSettings(raw);
  if (outcome.kind === "settings") {
    exam.well("settings", `of stack ${raw.stack}, stage ${outcome.settings.stage}`);
    return outcome.settings;
  }
  exam.finding({
    subject: "settings",
    seen: `${outcome.findings.length} of stack ${raw.stack} are wrong, such as ${outcome.findings[0]?.path ?? ""}`,
    expected: "settings that the program takes",
    remedy: `npm run --silent check -- settings --stack ${raw.stack}`,
  });
  return undefined;
}
