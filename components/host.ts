/** What a run of the program knows of the process it runs in. Collected once, in `index.ts`. */
export interface Host {
  /** When this run began: entries of the record that are younger were made by it. */
  readonly startedAt: Date;
  /** Folder of the program's own files. */
  readonly programFolder: string;
  /** Folder of the Pulumi project: commands run there. The same as `programFolder` with the plain CLI. */
  readonly projectFolder: string;
  /** Environment that child processes inherit. */
  readonly environment: NodeJS.ProcessEnv;
}

/** @param programFolder folder of `index.ts` */
export function hostOfThisRun(programFolder: string): Host {
  return {
    startedAt: new Date(),
    programFolder,
    projectFolder: process.cwd(),
    environment: process.env,
  };
}
