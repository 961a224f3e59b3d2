/** The version in the image's tag, without "v", which the pod's command passes as `--version`. */
export function versionArgument(): string {
  const at = process.argv.indexOf("--version");
  const version = at === -1 ? undefined : process.argv[at + 1];
  if (version === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(`--version is ${version ?? "missing"}, expected a version such as 3.9.18.`);
  }
  return version;
}

/** Negative when `a` is older than `b`, 0 when equal, positive when newer. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let index = 0; index < 3; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
