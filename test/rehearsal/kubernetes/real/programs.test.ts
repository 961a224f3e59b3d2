import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { keptPath, pinnedVersion, PROGRAMS, programs } from "../../../../rehearsal/kubernetes/real/parts";
import { ensurePrograms, ProgramsNotFoundError } from "../../../../rehearsal/kubernetes/real/programs";

describe("programs of the real tier: found, kept or built", () => {
  let folder: string;
  let cache: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "programs-"));
    cache = join(folder, "cache");
    path = join(folder, "path");
    await mkdir(path);
  });
  afterEach(async () => rm(folder, { recursive: true, force: true }));

  /** A program that says something when it is asked for its version. */
  async function program(file: string, says: string, code = 0): Promise<string> {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `#!/bin/sh\necho '${says}'\nexit ${code}\n`);
    await chmod(file, 0o755);
    return file;
  }
  const etcd = (): string => {
    const found = programs().find(({ name }) => name === "etcd") ?? assert.fail("etcd is no program");
    return keptPath(cache, found);
  };
  const look = async (mayBuild = false): Promise<string> => {
    const env = { PATH: `${path}:/usr/bin:/bin` };
    return (await ensurePrograms({ only: ["etcd"], cacheFolder: cache, env, mayBuild })).etcd;
  };
  const refusal = async (mayBuild = false): Promise<string> => {
    try {
      await look(mayBuild);
    } catch (error) {
      assert.ok(error instanceof ProgramsNotFoundError);
      return error.message;
    }
    return assert.fail("a program was found");
  };

  it("are pinned, each by a go.mod of its own group, and kept apart by what pins them and the platform", () => {
    const all = programs();
    assert.deepEqual(
      all.map(({ name }) => name),
      [...PROGRAMS],
    );
    for (const one of all) assert.match(one.version, /^v\d+\.\d+\.\d+$/);
    assert.equal(new Set(all.map((one) => keptPath(cache, one))).size, all.length);
    const [first] = all;
    assert.ok(first !== undefined);
    assert.notEqual(keptPath(cache, first), keptPath(cache, { ...first, version: "v9.9.9" }));
    assert.ok(keptPath(cache, first).includes(`-${process.platform}-${process.arch}/`));
  });

  it("say which line of a go.mod is missing", () => {
    assert.equal(
      pinnedVersion("require (\n\tk8s.io/kubernetes v1.33.3 // indirect\n)", "k8s.io/kubernetes", "f"),
      "v1.33.3",
    );
    assert.throws(
      () => pinnedVersion("module x\n", "k8s.io/kubernetes", "go.mod"),
      /go\.mod does not pin k8s\.io\/kubernetes/,
    );
  });

  it("are taken from PATH in a fitting version, before the cache is looked at", async () => {
    await program(etcd(), "etcd Version: 3.5.24");
    assert.equal(await look(), etcd());
    const own = await program(join(path, "etcd"), "etcd Version: 3.6.1");
    assert.equal(await look(), own);
  });

  it("are passed over in another version, and when they do not answer; the message says what was seen", async () => {
    await program(join(path, "etcd"), "etcd Version: 3.3.0");
    await program(etcd(), "no such thing", 3);
    const message = await refusal();
    assert.match(message, /etcd is passed over: it says "etcd Version: 3\.3\.0", and v3\.5\.24 is wanted/);
    assert.match(message, /is kept from an earlier run, but `etcd --version` ended with exit code 3/);
    assert.match(message, /To mend it: node --import tsx rehearsal\/kubernetes\/real\/cli\.ts/);
  });

  it("cannot be built without Go: the message says which version, and where to get it", async () => {
    const message = await refusal(true);
    assert.match(message, /lacks 1 of its programs/);
    assert.match(message, /none on PATH; none kept at .*etcd; no `go` on PATH/s);
    assert.match(message, /To mend it: install Go 1\.\d+\.\d+ or newer/);
  });

  it("are not built by a Go that is too old", async () => {
    await program(join(path, "go"), "go version go1.19.2 linux/amd64");
    assert.match(await refusal(true), /go version` says "go version go1\.19\.2 linux\/amd64"/);
  });

  it("give the compiler's words when the build fails, and leave nothing behind", async () => {
    const script = `#!/bin/sh
case "$1" in version) echo "go version go1.99.0 linux/amd64" ;; *) echo "main.go:1: no space left on device" >&2; exit 1 ;; esac
`;
    await writeFile(join(path, "go"), script);
    await chmod(join(path, "go"), 0o755);
    const message = await refusal(true);
    assert.match(message, /`go build` of etcd ended with exit code 1: main\.go:1: no space left on device/);
    assert.match(message, /6 GB of disk/);
    await assert.rejects(async () => look(), ProgramsNotFoundError);
  });
});
