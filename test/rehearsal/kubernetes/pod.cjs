"use strict";
// A pod for tests: answers on POD_IP what it was given, and does what its variables say.
const { createServer } = require("node:http");
const { readFileSync } = require("node:fs");

const ports = (process.env.PORTS || "9080").split(",").map(Number);
if (process.env.CRASH) {
  console.error("failed to fetch data from etcd: nobody there");
  process.exit(3);
}
const read = (file) => {
  try {
    return readFileSync(process.env.REHEARSAL_ROOT + file, "utf8");
  } catch (error) {
    return String(error.code);
  }
};
let ready = process.env.READY !== "no";
for (const port of ports) {
  createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://pod");
    if (pathname === "/unready") ready = false;
    if (pathname === "/file") return response.end(read(searchParams.get("path")));
    if (pathname === "/hosts") return response.end(readFileSync(process.env.REHEARSAL_HOSTS));
    if (pathname === "/env") return response.end(JSON.stringify(process.env));
    response.statusCode = pathname === "/healthz" && !ready ? 503 : 200;
    response.setHeader("x-seen-authorization", request.headers.authorization || "none");
    response.end(`${request.method} ${request.url} on ${port}`);
  }).listen(port, process.env.POD_IP);
}
console.log("started", process.env.POD_NAME);
process.on("SIGTERM", () => {
  console.log("stopping");
  if (process.env.STUBBORN) return;
  process.exit(0);
});
process.on("disconnect", () => process.exit(0));
