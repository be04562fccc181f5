// Command wallet deploys an environment of the platform, looks after it and removes
// it: `go tool wallet staging deploy`. It runs the same on a laptop and in a workflow;
// `go tool wallet --help` lists what it does.
package main

import (
	"os"

	"github.com/mattn/go-isatty"

	"wallet-infra/internal/cli"
)

func main() {
	cli.Main(newCommand(os.Stdin, isatty.IsTerminal(os.Stdin.Fd())))
}
