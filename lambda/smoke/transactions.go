package main

import (
	"context"
	"encoding/json"
	"fmt"
)

// Amounts whose sums a binary float would get wrong.
const (
	deposited   = "100.10"
	transferred = "33.37"
	left        = "66.73" // deposited - transferred
	nothing     = "0"
)

// moveMoney does what a customer does, with two wallets of users that nobody else
// is: their IDs begin with smoke-test. The service makes a wallet's ID itself and
// finds none by its user, so that each run makes two wallets more; it takes all
// money out of them again, so that they add nothing to the books. A test that fails
// says what it leaves: a version that failed is not trusted to take it out.
func (w walletAPI) moveMoney(ctx context.Context, pause waiting, run string) error {
	err := w.movements(ctx, pause, run)
	if err != nil {
		return fmt.Errorf("%w (the two wallets of the users smoke-test-%s-… hold %s or less of test money)", err, run, deposited)
	}
	return nil
}

func (w walletAPI) movements(ctx context.Context, pause waiting, run string) error {
	payer, err := w.create(ctx, "smoke-test-"+run+"-payer")
	if err != nil {
		return err
	}
	payee, err := w.create(ctx, "smoke-test-"+run+"-payee")
	if err != nil {
		return err
	}
	// A read that comes before the readers of the database know the wallet would
	// leave its old state in the cache.
	if err := pause(ctx, retryPause); err != nil {
		return err
	}
	steps := []struct {
		wallet, kind, amount string
		to                   string // of a transfer
		payer, payee         string // balances afterwards
	}{
		{wallet: payer, kind: "deposit", amount: deposited, payer: deposited, payee: nothing},
		{wallet: payer, kind: "transfer", amount: transferred, to: payee, payer: left, payee: transferred},
		{wallet: payer, kind: "withdraw", amount: left, payer: nothing, payee: transferred},
		{wallet: payee, kind: "withdraw", amount: transferred, payer: nothing, payee: nothing},
	}
	for i, step := range steps {
		request := map[string]any{
			"amount": json.Number(step.amount), "referenceId": fmt.Sprintf("smoke-test-%s-%d", run, i),
			"description": "smoke test of a deployment",
		}
		if step.to != "" {
			request["destinationWalletId"] = step.to
		}
		if err := w.move(ctx, step.wallet, step.kind, request); err != nil {
			return err
		}
		if err := pause(ctx, retryPause); err != nil {
			return err
		}
		for wallet, want := range map[string]string{payer: step.payer, payee: step.payee} {
			if err := w.holds(ctx, pause, wallet, want); err != nil {
				return fmt.Errorf("after the %s: %w", step.kind, err)
			}
		}
	}
	return nil
}
