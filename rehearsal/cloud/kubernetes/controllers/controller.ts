/** Brings one kind of object to what it asks for. */
export interface Controller {
  /** Looks at everything and does what is missing. Called after changes, several at once are one call. */
  sync(): void;
  /** Ends timers and waits for work under way. */
  stop?(): void | Promise<void>;
}

/** Most passes without a pause: a controller that never finds rest is a bug, not a reason to hang. */
const MAX_PASSES_IN_A_ROW = 1000;

/** Runs controllers, one after the other, whenever something changed. */
export class ControllerLoop {
  private controllers: readonly Controller[] = [];
  private scheduled = false;
  private stopped = false;
  private passes = 0;

  constructor(private readonly report: (line: string) => void) {}

  run(controllers: readonly Controller[]): void {
    this.controllers = controllers;
    this.wake();
  }

  /** Asks for a pass. Cheap: many calls before it are one pass. */
  readonly wake = (): void => {
    if (this.scheduled || this.stopped) {
      return;
    }
    this.scheduled = true;
    this.passes += 1;
    if (this.passes > MAX_PASSES_IN_A_ROW) {
      this.report(`the controllers ran ${this.passes} times in a row: pausing for 100 ms`);
      this.passes = 0;
      setTimeout(() => this.pass(), 100);
    } else {
      setImmediate(() => this.pass());
    }
  };

  async stop(): Promise<void> {
    this.stopped = true;
    for (const controller of this.controllers) {
      await controller.stop?.();
    }
  }

  private pass(): void {
    this.scheduled = false;
    for (const controller of this.stopped ? [] : this.controllers) {
      try {
        controller.sync();
      } catch (error) {
        this.report(`${controller.constructor.name}: ${String(error)}`);
      }
    }
    if (!this.isScheduled()) {
      this.passes = 0;
    }
  }

  private isScheduled(): boolean {
    return this.scheduled;
  }
}
