// Command cost prints what synthesized templates cost in a month before anyone
// uses them. The table in docs/COST-OPTIMIZATION.md is the same; a test fails
// when it is out of date, and `make update` rewrites it.
package main

import (
	"flag"
	"fmt"
	"os"

	"wallet-infra/internal/assembly"
	"wallet-infra/internal/cost"
)

func main() {
	dir := flag.String("assembly", "cdk.out", "the `directory` that synthesis wrote")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintf(os.Stderr, "cost: %v\n", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	stacks, err := assembly.Read(dir)
	if err != nil {
		return err
	}
	prices, err := cost.LoadPrices()
	if err != nil {
		return err
	}
	table, err := cost.Report(stacks, prices)
	if err != nil {
		return err
	}
	fmt.Println(table)
	return nil
}
