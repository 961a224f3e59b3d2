import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  PartialFailure,
  serveProvider,
  type Props,
  type ProviderDefinition,
  type ProviderSchema,
  type ResourceType,
} from "../../../rehearsal/providers/framework";

/**
 * A small provider for tests of the framework: "things" are JSON files in the folder `THINGS_HOME`, which stands for a
 * cloud: it is where the state lives, and tests change it behind the engine's back. It is run by the engine as a plugin
 * of its own (this file is the plugin's main), and imported by tests for its definition.
 */
const schema: ProviderSchema = {
  package: "@pulumi/things",
  version: "1.0.0",
  config: {
    region: { type: "string" },
    retries: { type: "number" },
    tags: { type: "map", values: { type: "string" } },
    endpoints: { type: "array", items: { type: "object", ref: "Endpoint" } },
  },
  resources: {
    "things:index:Thing": {
      inputs: {
        label: { type: "string", required: true },
        size: { type: "number" },
        enabled: { type: "boolean" },
        note: { type: "string" },
        tags: { type: "map", values: { type: "string" } },
        groups: { type: "array", items: { type: "object", ref: "Group" } },
        mode: { type: "object", ref: "Mode" },
        port: { type: "union", of: [{ type: "number" }, { type: "string" }] },
        free: { type: "any" },
        files: { type: "array", items: { type: "asset" } },
        fail: { type: "string" },
      },
      outputs: ["arn", "label", "note", "revision", "token"],
    },
    "things:index:Fixed": { inputs: { value: { type: "string", required: true } }, outputs: ["value"] },
  },
  types: {
    Endpoint: { url: { type: "string", required: true } },
    Group: { name: { type: "string", required: true }, weight: { type: "number" } },
    Mode: { kind: { type: "string", required: true }, speed: { type: "number" } },
  },
};

function home(): string {
  const folder = process.env["THINGS_HOME"];
  if (folder === undefined) {
    throw new Error("THINGS_HOME is not set");
  }
  mkdirSync(folder, { recursive: true });
  return folder;
}

function fileOf(id: string): string {
  return join(home(), `${id}.json`);
}

function load(id: string): Props | undefined {
  return readdirSync(home()).includes(`${id}.json`)
    ? (JSON.parse(readFileSync(fileOf(id), "utf8")) as Props)
    : undefined;
}

function save(id: string, properties: Props): void {
  writeFileSync(fileOf(id), JSON.stringify(properties));
}

/** What the cloud fills in where the program says nothing, in the object `mode` too. */
function filledIn(inputs: Props): Props {
  const { mode } = inputs;
  return { note: "none", ...inputs, ...(typeof mode === "object" && { mode: { speed: 50, ...mode } }) };
}

function outputsOf(id: string, inputs: Props, revision: number): Props {
  return { ...filledIn(inputs), arn: `arn:thing:${id}`, revision, token: `token of ${id}` };
}

const thing: ResourceType = {
  token: "things:index:Thing",
  replaceOn: ["label", "groups.*.name", "mode.kind"],
  deleteBeforeReplace: true,
  defaults: { enabled: true },
  secretOutputs: ["token"],
  updatedOutputs: ["revision"],
  check: (news, olds) =>
    typeof news["size"] === "number" && typeof olds?.["size"] === "number" && news["size"] < olds["size"]
      ? [{ property: "size", reason: "must not shrink" }]
      : [],
  create(inputs, ctx) {
    if (inputs["fail"] === "create") {
      return Promise.reject(new Error("the cloud is closed"));
    }
    const id = `${String(inputs["label"])}-1`;
    if (load(id) !== undefined) {
      return Promise.reject(new Error(`${id} exists already`));
    }
    ctx.log("warning", `creating in ${String(ctx.config["region"])} within ${ctx.timeoutSeconds ?? "any"} s`);
    save(id, { ...inputs, revision: 1 });
    const outputs = outputsOf(id, inputs, 1);
    return inputs["fail"] === "ready"
      ? Promise.reject(new PartialFailure(id, outputs, ["not ready in time"]))
      : Promise.resolve({ id, outputs });
  },
  read(id) {
    const live = load(id);
    if (live === undefined) {
      return Promise.resolve(undefined);
    }
    const { revision, ...inputs } = live;
    return Promise.resolve({
      id,
      inputs: filledIn(inputs),
      outputs: outputsOf(id, inputs, Number(revision)),
    });
  },
  update(id, _oldOutputs, news) {
    if (news["fail"] === "update") {
      return Promise.reject(new Error("the cloud is closed"));
    }
    const revision = Number(load(id)?.["revision"]) + 1;
    save(id, { ...news, revision });
    return Promise.resolve(outputsOf(id, news, revision));
  },
  delete(id) {
    rmSync(fileOf(id), { force: true });
    return Promise.resolve();
  },
};

const fixed: ResourceType = {
  token: "things:index:Fixed",
  replaceOn: [],
  create: (inputs) => Promise.resolve({ id: `fixed-${String(inputs["value"])}`, outputs: inputs }),
  delete: () => Promise.resolve(),
};

export const definition: ProviderDefinition = {
  name: "things",
  version: "1.0.0",
  schema,
  replaceProviderOn: ["region"],
  checkConfig: ({ region }) =>
    region === "nowhere" ? [{ property: "region", reason: "there is no such region" }] : [],
  types: [thing, fixed],
  invokes: {
    "things:index:greet": (args, ctx) =>
      Promise.resolve({ text: `hello ${String(args["name"])}${ctx.dryRun ? " (preview)" : ""}` }),
  },
};

if (require.main === module) {
  void serveProvider(definition);
}
