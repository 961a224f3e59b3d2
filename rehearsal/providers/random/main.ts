import sdk from "@pulumi/random/package.json";
import { serveProvider } from "../framework";
import { randomPassword } from "./randomPassword";

/** The stand-in for the package `@pulumi/random`. */
void serveProvider({ name: "random", version: sdk.version, types: [randomPassword] });
