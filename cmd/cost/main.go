// Command cost prints what synthesized templates cost in a month before anyone
// uses them. With -write it rewrites the table in docs/COST-OPTIMIZATION.md; a
// test fails when that table is out of date.
package main

import (
	"flag"
	"fmt"
	"os"

	"wallet-infra/internal/assembly"
	"wallet-infra/internal/cost"
)

const document = "docs/COST-OPTIMIZATION.md"

func main() {
	dir := flag.String("assembly", "cdk.out", "the `directory` that synthesis wrote")
	write := flag.Bool("write", false, "rewrite the table in "+document)
	flag.Parse()
	if err := run(*dir, *write); err != nil {
		fmt.Fprintf(os.Stderr, "cost: %v\n", err)
		os.Exit(1)
	}
}

func run(dir string, write bool) error {
	stacks, err := assembly.Read(dir)
	if err != nil {
		return err
	}
	prices, err := cost.LoadPrices()
	if err != nil {
		return err
	}
	rendered, err := cost.Report(stacks, prices)
	if err != nil {
		return err
	}
	fmt.Println(rendered)
	if !write {
		return nil
	}
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	updated, err := cost.Replace(string(content), rendered)
	if err != nil {
		return err
	}
	return os.WriteFile(document, []byte(updated), 0o644) //nolint:gosec // a document that everyone may read
}
