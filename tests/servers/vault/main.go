// HashiCorp Vault as its own main package starts it, for tests/fetch-vault.
//
// go.mod has the requirements of 1.12.2. Its `replace` lines do not reach whoever imports it: `api` is the release that
// belongs to it. go-1.14.1.mod names every version of that release's own go.mod, and the nearest released `sdk`, with
// which the server's raft join handler fails: it is good for one server, not for a cluster. The sums are those of the
// packages in the binary alone.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() { os.Exit(command.Run(os.Args[1:])) }
