// Command wallet deploys an environment of the platform, looks after it and removes
// it: `go tool wallet staging deploy`. It runs the same on a laptop and in a workflow;
// `go tool wallet --help` lists what it does.
package main

import (
	"os"

	"golang.org/x/term"

	"wallet-infra/internal/cli"
)

func main() {
	cli.Main(newCommand(os.Stdin, term.IsTerminal(int(os.Stdin.Fd()))))
}
