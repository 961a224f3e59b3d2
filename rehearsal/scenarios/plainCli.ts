import { type Rehearsal } from "../rehearsal";
import { liveWeightB } from "../faults";
import { assertThat } from "./common";
import { everyRequestAnswered } from "./migration";
import { type Scenario, type Step } from "./scenario";

/** What users type: the plain Pulumi command line in the project folder, without the Automation API. */
export const plainCli: Scenario = {
  name: "plain-cli",
  description: "config set, preview and up by the plain Pulumi command line, and what it says of wrong settings",
  lookSeconds: 1,
  maxSeconds: 1800,
  steps: [
    set("prepare"),
    cli("preview of prepare", ["preview"], ({ output }) => output.includes("aws:lb:ListenerRule")),
    cli("up to prepare", ["up", "--yes", "--skip-preview"], ({ output }) => output.includes("traffic-default")),
    cli("nothing left to do", ["preview", "--expect-no-changes"], () => true),
    wrongSettings(),
    set("restore"),
    refusedCli("a skipped stage", ["preview"], ["not legal", "pulumi config set stage freeze"]),
    set("freeze"),
    cli("up to freeze", ["up", "--yes", "--skip-preview"], ({ output }) => output.includes("DeploymentPatch")),
    cli("nothing left to do", ["preview", "--expect-no-changes"], () => true),
    everyRequestAnswered(),
  ],
};

function set(stage: string): Step {
  return cli(`pulumi config set stage ${stage}`, ["config", "set", "stage", stage], () => true);
}

function cli(
  title: string,
  args: readonly string[],
  fits: (answer: { readonly code: number; readonly output: string }) => boolean,
): Step {
  return {
    title,
    async run(rehearsal, say) {
      const answer = await rehearsal.stack.plain(...args);
      assertThat(answer.code === 0, `pulumi ${args.join(" ")} ended with ${answer.code}:\n${answer.output}`);
      assertThat(fits(answer), `pulumi ${args.join(" ")} did not do what it should:\n${answer.output}`);
      say(`pulumi ${args.join(" ")}: exit 0`);
    },
  };
}

function refusedCli(title: string, args: readonly string[], texts: readonly string[]): Step {
  return {
    title: `${title}: refused`,
    async run(rehearsal, say) {
      say(await refusal(rehearsal, args, texts));
    },
  };
}

async function refusal(rehearsal: Rehearsal, args: readonly string[], texts: readonly string[]): Promise<string> {
  const { code, output } = await rehearsal.stack.plain(...args);
  assertThat(code !== 0, `pulumi ${args.join(" ")} let pass what it had to refuse:\n${output}`);
  for (const text of texts) assertThat(output.includes(text), `the refusal does not say "${text}":\n${output}`);
  assertThat((await liveWeightB(rehearsal)) === 0, "B got traffic");
  return output.split("\n").find((line) => line.includes(texts[0] ?? "")) ?? "";
}

/** More than this, and somebody thinks that the preview hangs. */
const REFUSAL_SECONDS = 30;

function wrongSettings(): Step {
  return {
    title: "three mistakes in the settings: three findings in one run, nothing touched",
    async run(rehearsal, say) {
      const { stack } = rehearsal;
      await stack.configure({ stage: "trafic-25", soakHours: -1, standbyHoursss: 3 });
      const started = performance.now();
      const said = await refusal(rehearsal, ["preview"], ["3 findings", "traffic-25", "soakHours", "standbyHours"]);
      const seconds = (performance.now() - started) / 1000;
      assertThat(seconds < REFUSAL_SECONDS, `the refusal took ${seconds.toFixed(0)} s`);
      await stack.configure({ stage: "prepare", soakHours: 0.001, standbyHoursss: undefined });
      say(said.trim());
    },
  };
}
