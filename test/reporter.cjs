"use strict";
// Mocha's own `spec` reporter, closed by the one line that CI and people look for.
const { reporters, Runner } = require("mocha");

module.exports = class PassedFailed extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(Runner.constants.EVENT_RUN_END, () => {
      process.on("exit", () => {
        process.stdout.write(`${this.stats.passes} passed, ${this.stats.failures} failed\n`);
      });
    });
  }
};
