/** How far a comparison has come. */
export interface Progress {
  /** What is being done: `schema`, `rows`, `differing rows of public.route`. */
  readonly phase: string;
  readonly tables: number;
  readonly tablesDone: number;
  readonly rowsA: number;
  readonly rowsB: number;
}

/** Counts what is read, and tells of every change. */
export class ProgressMeter {
  private state: Progress = { phase: "schema", tables: 0, tablesDone: 0, rowsA: 0, rowsB: 0 };

  constructor(private readonly onProgress: (progress: Progress) => void) {}

  phase(phase: string): void {
    this.set({ phase });
  }

  tables(tables: number): void {
    this.set({ tables });
  }

  tableDone(): void {
    this.set({ tablesDone: this.state.tablesDone + 1 });
  }

  rowsA(rows: number): void {
    this.set({ rowsA: this.state.rowsA + rows });
  }

  rowsB(rows: number): void {
    this.set({ rowsB: this.state.rowsB + rows });
  }

  private set(change: Partial<Progress>): void {
    this.state = { ...this.state, ...change };
    this.onProgress(this.state);
  }
}
