// The official Kubernetes provider of Pulumi as a plugin, from its Go module. Its own main package embeds two files that
// the module's build makes of schema.json and terraform-mapping.json; here the module's files themselves are embedded:
// the build lays them beside this one (go build -overlay).
package main

import (
	_ "embed"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

func main() {
	provider.Serve("kubernetes", version.Version, schema, mapping)
}
