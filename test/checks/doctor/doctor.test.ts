import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { examine, type DoctorRequest } from "../../../checks/doctor/doctor";
import { type Diagnosis } from "../../../checks/doctor/examination";
import { compareVersions } from "../../../checks/doctor/machine";
import { describeDiagnosis } from "../../../checks/commands/doctor";
import { AwsFake, error } from "../support/awsFake";
import { KubernetesFake } from "../support/kubernetesFake";
import { TestServer } from "../support/postgres";

const ROOT = resolve(__dirname, "../../..");
const SECRET = "geheim-4711";
const VERSIONS: Readonly<Record<string, string>> = {
  aws: versionOf("@pulumi/aws"),
  command: versionOf("@pulumi/command"),
  kubernetes: versionOf("@pulumi/kubernetes"),
  random: versionOf("@pulumi/random"),
};
const SDK = versionOf("@pulumi/pulumi");
const LISTENER =
  "arn:aws:elasticloadbalancing:eu-central-1:444455556666:listener/app/api-prod/50dc6c495c0c9188/f2f7dc8efc522ab2";

function versionOf(name: string): string {
  return (JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")) as { version: string })
    .version;
}

/** What the stand-in for the Pulumi CLI answers, by its first words; an exit code other than 0 with the text as error. */
type Answers = Readonly<Record<string, string | { readonly code: number; readonly error: string }>>;

const WELL: Answers = {
  version: `v${SDK}`,
  "plugin ls": JSON.stringify(Object.entries(VERSIONS).map(([name, version]) => ({ name, kind: "resource", version }))),
  "stack ls": JSON.stringify([{ name: "staging" }, { name: "prod" }]),
};

describe("check doctor", function () {
  this.timeout(90_000);
  let server: TestServer;
  let aws: AwsFake;
  let a: KubernetesFake;
  let b: KubernetesFake;
  /** Beside the project: a folder with its manifest, its packages and a stack file whose clusters are stand-ins. */
  let folder: string;
  let bin: string;

  before(async () => {
    server = await TestServer.start("127.241.7.1");
    folder = mkdtempSync(join(tmpdir(), "doctor-"));
    bin = join(folder, "bin");
    mkdirSync(bin);
    for (const name of ["package.json", "Pulumi.yaml"]) {
      writeFileSync(join(folder, name), readFileSync(join(ROOT, name)));
    }
    manifests();
    program("npm", { "--version": "11.0.0" });
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    aws = await AwsFake.start();
    a = await cluster();
    b = await cluster();
    program("pulumi", WELL);
    stackFile();
    aws.world.callerArn = "arn:aws:sts::444455556666:assumed-role/api7-promote/ada";
    aws.world.loadBalancers = [
      { name: "api-prod", arn: "arn:lb", listeners: [{ arn: LISTENER, port: 443, protocol: "HTTPS", rules: [] }] },
    ];
    aws.world.instances.set("api7-prod-a", { status: "available", host: "a.example.com" });
  });
  afterEach(() => Promise.all([aws.stop(), a.stop(), b.stop()]));

  async function cluster(): Promise<KubernetesFake> {
    const fake = await KubernetesFake.start("api7");
    fake.fault = ({ path, headers }, response) => {
      if (path !== "/version" || headers.authorization === undefined) return false;
      response.writeHead(200, { "content-type": "application/json" }).end('{"gitVersion":"v1.33.3"}');
      return true;
    };
    return fake;
  }

  /** The packages as installed, by their manifests alone. */
  function manifests(changed: Readonly<Record<string, string | undefined>> = {}): void {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      readonly dependencies: Readonly<Record<string, string>>;
    };
    rmSync(join(folder, "node_modules"), { recursive: true, force: true });
    for (const [name, pinned] of Object.entries({ ...dependencies, ...changed })) {
      if (pinned === undefined) continue;
      mkdirSync(join(folder, "node_modules", name), { recursive: true });
      writeFileSync(join(folder, "node_modules", name, "package.json"), JSON.stringify({ name, version: pinned }));
    }
  }

  /** A program on PATH that answers what it is told. */
  function program(name: string, answers: Answers): void {
    const path = join(bin, name);
    const text = `#!${process.execPath}
const answers = ${JSON.stringify(answers)};
const words = process.argv.slice(2);
const answer = answers[words.slice(0, 2).join(" ")] ?? answers[words[0]];
if (typeof answer === "string") process.stdout.write(answer);
else { process.stderr.write(answer?.error ?? "no such command"); process.exitCode = answer?.code ?? 255; }
`;
    writeFileSync(path, text);
    chmodSync(path, 0o755);
  }

  function stackFile(change: (text: string) => string = (text) => text): void {
    const secrets = ["controlPlaneToken", "databaseADsn"].map(
      (key) => `  api7-migration:${key}:\n    secure: v1:A:B\n`,
    );
    const text = readFileSync(join(ROOT, "Pulumi.prod.yaml"), "utf8")
      .replace("kubeconfig: kubeconfig/prod-a.yaml\n    context: prod-a", `kubeconfig: ${a.kubeconfig}`)
      .replace("kubeconfig: kubeconfig/prod-b.yaml\n    context: prod-b", `kubeconfig: ${b.kubeconfig}`);
    // What answers is no Prometheus; that it answers is all that is asked.
    const metrics = text.replaceAll("https://prometheus.prod.example.com", process.env["AWS_ENDPOINT_URL"] ?? "");
    writeFileSync(join(folder, "Pulumi.prod.yaml"), change(metrics + secrets.join("")));
  }

  function request(changed: Partial<DoctorRequest> = {}): DoctorRequest {
    const environment = {
      ...process.env,
      PATH: bin,
      MIGRATION_DATABASE_A_DSN: server.dsn("api7ee"),
      ...changed.environment,
    };
    const signal = AbortSignal.timeout(45_000);
    return { stack: "prod", folder, node: "20.20.2", signal, now: () => new Date(), ...changed, environment };
  }

  const found = ({ findings }: Diagnosis, subject: string): Diagnosis["findings"][number] => {
    const finding = findings.find((one) => one.subject === subject);
    assert.ok(finding, `nothing is said of ${subject}: ${JSON.stringify(findings)}`);
    return finding;
  };

  it("says what is well, item by item, and that it holds", async () => {
    const diagnosis = await examine(request());
    assert.deepEqual(diagnosis.findings, []);
    assert.equal(diagnosis.verdict, "holds");
    assert.deepEqual(
      diagnosis.well.map(({ subject }) => subject).sort(),
      [
        ...["AWS credentials", "Node", "Pulumi CLI", "RDS", "clock", "cluster A", "cluster B", "database A"],
        ...[
          "load balancer",
          "metrics",
          "npm",
          "packages",
          "plugin aws",
          "plugin command",
          "plugin kubernetes",
          "plugin random",
        ],
        ...["settings", "state"],
      ].sort(),
    );
    const text = describeDiagnosis(diagnosis);
    assert.match(text, /^well {2}database A +PostgreSQL 15\S* as api7ee/m);
    assert.match(text, /kubectl and helm are not needed/);
    assert.match(text, /18 well, 0 not$/);
  });

  const wrong: readonly (readonly [
    what: string,
    arrange: () => Partial<DoctorRequest>,
    subject: string,
    RegExp,
    RegExp,
  ])[] = [
    ["an old Node", () => ({ node: "18.20.4" }), "Node", /18\.20\.4/, /install Node 20, 22 or 24/],
    [
      "a package of another version",
      () => (manifests({ zod: "3.0.0" }), {}),
      "packages",
      /zod 3\.0\.0 instead of/,
      /^npm ci$/,
    ],
    ["a missing package", () => (manifests({ pg: undefined }), {}), "packages", /pg is missing/, /^npm ci$/],
    [
      "another engine than the SDK's",
      () => (program("pulumi", { ...WELL, version: "v3.100.0" }), {}),
      "Pulumi CLI",
      /v3\.100\.0/,
      new RegExp(SDK),
    ],
    ["no engine", () => (rmSync(join(bin, "pulumi")), {}), "Pulumi CLI", /none on PATH/, /install it/],
    [
      "a missing plugin",
      () => (program("pulumi", { ...WELL, "plugin ls": "[]" }), {}),
      "plugin aws",
      /not installed/,
      /pulumi plugin install resource aws v\d/,
    ],
    [
      "a state without the stack",
      () => (program("pulumi", { ...WELL, "stack ls": '[{"name":"staging"}]' }), {}),
      "state",
      /its stacks are staging/,
      /pulumi stack init prod/,
    ],
    [
      "another account",
      () => ((aws.world.callerArn = "arn:aws:sts::111122223333:assumed-role/x/y"), {}),
      "AWS credentials",
      /111122223333/,
      /AWS_PROFILE/,
    ],
    [
      "no such listener",
      () => ((aws.world.loadBalancers = []), {}),
      "load balancer",
      /no such listener/,
      /listenerArn/,
    ],
    [
      "no such instance",
      () => (aws.world.instances.clear(), {}),
      "RDS",
      /no instance api7-prod-a/,
      /databaseIdentifier/,
    ],
    [
      "a clock that is behind",
      () => ({ now: () => new Date(Date.now() - 600_000) }),
      "clock",
      /\d{3} s behind/,
      /set-ntp/,
    ],
    [
      "settings that are wrong",
      () => (stackFile((text) => text.replace("soakHours: 48", "soakHours: 4800")), {}),
      "settings",
      /such as soakHours/,
      /check -- settings --stack prod/,
    ],
  ];
  for (const [what, arrange, subject, seen, remedy] of wrong) {
    it(`finds ${what}, and says what to do`, async () => {
      const diagnosis = await examine(request(arrange()));
      manifests();
      const finding = found(diagnosis, subject);
      assert.equal(finding.unknown, undefined);
      assert.equal(diagnosis.verdict, "fails");
      assert.match(finding.seen, seen);
      assert.match(finding.remedy, remedy);
    });
  }

  const unseen: readonly (readonly [what: string, arrange: () => unknown, subject: string, RegExp, RegExp])[] = [
    [
      "refused credentials",
      () => (aws.world.callerArn = undefined),
      "AWS credentials",
      /InvalidClientTokenId/,
      /log in to AWS/,
    ],
    [
      "a permission that is missing",
      () => (aws.fault = (action) => (action === "DescribeDBInstances" ? error(403, "AccessDenied", "no") : undefined)),
      "RDS instance api7-prod-a",
      /rds:DescribeDBInstances/,
      /allow rds:DescribeDBInstances/,
    ],
    [
      "a state that refuses",
      () => program("pulumi", { ...WELL, "stack ls": { code: 255, error: "error: AccessDenied: s3" } }),
      "state",
      /AccessDenied/,
      /pulumi login/,
    ],
    [
      "a metric server that is gone",
      () => stackFile((text) => text.replaceAll(process.env["AWS_ENDPOINT_URL"] ?? "?", "http://127.0.0.1:9")),
      "metrics, 127.0.0.1:9",
      /ECONNREFUSED/,
      /can reach it/,
    ],
    ["an API server that is gone", () => b.die(), "cluster B", /ECONNREFUSED|socket hang up/, /can reach it/],
    [
      "an API server that refuses",
      () =>
        (a.fault = (_request, response) => {
          response.writeHead(401, { "content-type": "application/json" }).end('{"message":"Unauthorized"}');
          return true;
        }),
      "cluster A, /version",
      /HTTP 401/,
      /log in to the cluster again/,
    ],
  ];
  for (const [what, arrange, subject, seen, remedy] of unseen) {
    it(`could not look through ${what}, and looks at everything else`, async () => {
      await arrange();
      const diagnosis = await examine(request());
      const finding = found(diagnosis, subject);
      assert.deepEqual([finding.unknown, diagnosis.verdict, diagnosis.findings.length], [true, "unknown", 1]);
      assert.match(finding.seen, seen);
      assert.match(finding.remedy, remedy);
      assert.ok(diagnosis.well.length >= 15);
    });
  }

  it("does not take a metric server that is not ready for well", async () => {
    aws.fault = (action) => (action === "" ? error(503, "ServiceUnavailable", "starting") : undefined);
    const diagnosis = await examine(request());
    const { host } = new URL(process.env["AWS_ENDPOINT_URL"] ?? "");
    assert.match(found(diagnosis, `metrics, ${host}`).seen, /HTTP 503/);
    assert.equal(diagnosis.verdict, "fails");
  });

  it("does not take a database that refuses for well, and keeps the password to itself", async () => {
    const dsn = server.dsn("api7ee", "api7ee", SECRET);
    const diagnosis = await examine(request({ environment: { MIGRATION_DATABASE_A_DSN: dsn } }));
    assert.equal(diagnosis.verdict, "unknown");
    assert.match(found(diagnosis, "database A").seen, /password authentication failed|refused/i);
    assert.ok(!JSON.stringify(diagnosis).includes(SECRET));
  });

  it("takes the connection string from the engine where nobody hands it over, and says when it cannot", async () => {
    program("pulumi", { ...WELL, "config get": server.dsn("api7ee") });
    const environment = { MIGRATION_DATABASE_A_DSN: "" };
    assert.equal((await examine(request({ environment }))).verdict, "holds");
    program("pulumi", { ...WELL, "config get": { code: 255, error: "error: incorrect passphrase" } });
    const finding = found(await examine(request({ environment })), "database A");
    assert.match(finding.remedy, /config set --secret databaseADsn --stack prod/);
    assert.equal(finding.unknown, true);
  });

  it("wants PostgreSQL's programs only where a dump needs them", async () => {
    stackFile((text) =>
      text.replace("    copy: 1\n", "    copy: 1\n    source: { kind: dump }\n    allocatedStorageGiB: 50\n"),
    );
    // Of a major version that nobody installs: the places of distributions are looked at as well.
    const file = join(folder, "Pulumi.prod.yaml");
    const text = readFileSync(file, "utf8").replace('engineVersion: "15.8"', 'engineVersion: "9.4"');
    writeFileSync(file, text.replace("parameterGroupFamily: postgres15", "parameterGroupFamily: postgres9"));
    const diagnosis = await examine(request());
    assert.equal(found(diagnosis, "pg_dump and pg_restore of PostgreSQL 9").unknown, true);
    assert.match(found(diagnosis, "pg_dump and pg_restore of PostgreSQL 9").remedy, /postgresql-client-9/);
  });

  it("looks at the machine alone without a stack, where no engine is no mistake", async () => {
    rmSync(join(bin, "pulumi"));
    const diagnosis = await examine(request({ stack: undefined }));
    assert.equal(diagnosis.verdict, "holds");
    assert.deepEqual(diagnosis.well.map(({ subject }) => subject).sort(), ["Node", "npm", "packages"]);
    assert.match(diagnosis.notes.join("\n"), /the rehearsal finds or builds/);
  });

  it("refuses another folder than a project's", async () => {
    await assert.rejects(examine(request({ stack: undefined, folder: bin })), /no package\.json/);
  });

  it("reads a clock only from an answer that has one", async () => {
    const silent: Server = createServer((_request, response) => {
      response.sendDate = false;
      response.end();
    });
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const diagnosis = await examine(request({ environment: { AWS_ENDPOINT_URL: `http://${host}` } }));
    silent.closeAllConnections();
    await new Promise((resolve) => silent.close(resolve));
    assert.equal(found(diagnosis, `clock of ${host}`).unknown, true);
  });

  for (const [what, json, stack, code] of [
    ["exits 0 as text", false, [], 0],
    ["exits 1 as JSON", true, ["--stack", "prod"], 1],
  ] as const) {
    it(`as a command, ${what}`, async () => {
      rmSync(join(bin, "pulumi"));
      const words = ["--import", "tsx", "checks/cli.ts", "doctor", ...stack, ...(json ? ["--json"] : [])];
      // The project's own folder: its stack file has no secrets, which is wrong by itself.
      const env = { ...process.env, PATH: [bin, "/usr/bin", "/bin"].join(delimiter) };
      const child = spawn(process.execPath, words, { cwd: ROOT, env, stdio: ["ignore", "pipe", "inherit"] });
      let stdout = "";
      child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
      const ended = await new Promise((resolve) => child.on("close", resolve));
      assert.equal(ended, code, stdout);
      if (json) assert.equal((JSON.parse(stdout) as Diagnosis).verdict, "fails");
      else assert.match(stdout, /well, 0 not\n$/);
    });
  }

  it("compares versions by their numbers", () => {
    assert.ok(compareVersions("20.9.0", "20.19.0") < 0 && compareVersions("22.0.0", "20.19.0") > 0);
    assert.equal(compareVersions("20.19.0", "20.19.0"), 0);
  });
});
