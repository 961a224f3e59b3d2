"use strict";
// Stands for a program on PATH: keeps the call, and answers as the test says (runner.ts).
const { appendFileSync, existsSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

const folder = process.env.STAND_IN_FOLDER;
const call = process.argv.slice(2).join(" ");
appendFileSync(join(folder, "calls"), `${JSON.stringify(call)}\n`);
const answers = JSON.parse(readFileSync(join(folder, "answers"), "utf8"));
const index = answers.findIndex(({ call: pattern, times }, place) => {
  if (!new RegExp(pattern).test(call)) return false;
  const given = join(folder, `given-${place}`);
  return times === undefined || !existsSync(given) || readFileSync(given, "utf8").length < times;
});
const answer = answers[index];
if (answer === undefined) {
  process.stderr.write(`no answer for: ${call}\n`);
  process.exit(99);
}
appendFileSync(join(folder, `given-${index}`), ".");
process.stdout.write(answer.stdout ?? "");
process.stderr.write(answer.stderr ?? "");
process.exitCode = answer.code ?? 0;
