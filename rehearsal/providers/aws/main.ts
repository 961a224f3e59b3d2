import sdk from "@pulumi/aws/package.json";
import { serveProvider } from "../framework";
import { awsProvider } from "./provider";

/** The stand-in for the package `@pulumi/aws`. */
void serveProvider(awsProvider(sdk.version));
