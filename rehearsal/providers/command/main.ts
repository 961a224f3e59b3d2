import sdk from "@pulumi/command/package.json";
import { serveProvider } from "../framework";
import { command } from "./command";

/** The stand-in for the package `@pulumi/command`. */
void serveProvider({ name: "command", version: sdk.version, types: [command] });
