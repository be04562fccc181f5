package main

import (
	"context"
	"math/big"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/hook"
)

// verdict calls the function once; want is part of its log.
func (n *network) verdict(t *testing.T, status hook.Status, want string) {
	t.Helper()
	answer, err := n.handler.handle(t.Context(), hook.Event{LifecycleStage: "POST_TEST_TRAFFIC_SHIFT"})
	require.NoError(t, err)
	assert.Equal(t, hook.Answer{Status: status}, answer)
	assert.Contains(t, strings.Join(n.logged, "\n"), want)
}

// count tells how many requests began so.
func (n *network) count(prefix string) int {
	found := 0
	for _, request := range n.requests {
		if strings.HasPrefix(request, prefix) {
			found++
		}
	}
	return found
}

func TestAVersionThatWorksPasses(t *testing.T) {
	n := newNetwork(t, domain, domain, domain)
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.Equal(t, 3, n.count("GET "+wallets+"/"+nobody), "every address of the load balancer")
	require.Len(t, n.balances, 2)
	for id, balance := range n.balances {
		assert.Zero(t, balance.Sign(), "the test must leave no money in the books: %s", id)
		assert.True(t, strings.HasPrefix(n.users[id], "smoke-test-"), "a user that somebody is: %s", n.users[id])
	}
	assert.Len(t, n.used, 4)
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.Len(t, n.used, 8, "the next deployment must not use the references of this one")
}

func TestProductionIsReadOnly(t *testing.T) {
	n := newNetwork(t, domain)
	n.handler.transactions = false
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.Equal(t, []string{"GET " + wallets + "/" + nobody}, n.requests)
}

func TestAVersionThatMiscountsIsRolledBack(t *testing.T) {
	for _, kind := range []string{"deposit", "transfer", "withdraw"} {
		n := newNetwork(t, domain)
		counted := false
		n.before = func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, kind) {
				counted = true
			} else if counted { // once the money has moved, a wallet has a cent more
				counted = false
				balance := n.balances[path.Base(r.URL.Path)]
				balance.Add(balance, big.NewRat(1, 100))
			}
			return false
		}
		n.verdict(t, hook.Failed, "after the "+kind+": a wallet's balance: want ")
	}
}

func TestAServiceThatFailsIsRolledBack(t *testing.T) {
	for part, want := range map[string]string{
		nobody:      "want 404 and WALLET_NOT_FOUND, got 500",
		"/wallets":  "create a wallet: want 201 and its address, got 500",
		"/deposit":  "deposit: want 200, got 500",
		"/transfer": "transfer: want 200, got 500",
		"/withdraw": "withdraw: want 200, got 500",
	} {
		n := newNetwork(t, domain)
		n.before = func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, part) {
				say(w, 500, `{"error":"Internal Server Error"}`)
				return true
			}
			return false
		}
		n.verdict(t, hook.Failed, want)
		failures := 0
		for _, request := range n.requests {
			if strings.HasPrefix(request, "POST") && strings.HasSuffix(request, part) {
				failures++
			}
		}
		assert.LessOrEqual(t, failures, 1, "money must not be moved a second time: %s", part)
	}
}

// A load balancer without a healthy target answers 503, and one whose rule does
// not forward answers 404 by itself.
func TestALoadBalancerThatDoesNotForwardIsNotTheService(t *testing.T) {
	for body, status := range map[string]int{`{}`: 404, `{"error":"NOT_FOUND"}`: 404, `<html>`: 503, `{"error":"WALLET_NOT_FOUND"}`: 200} {
		n := newNetwork(t, domain)
		n.before = func(w http.ResponseWriter, _ *http.Request) bool {
			say(w, status, body)
			return true
		}
		n.verdict(t, hook.Failed, "want 404 and WALLET_NOT_FOUND, got")
		assert.Positive(t, n.count("GET"))
		assert.Zero(t, n.count("POST"), "no money moves through a service that is not there")
	}
}

func TestTargetsThatComeALittleLaterAreWaitedFor(t *testing.T) {
	n := newNetwork(t, domain)
	refusals := 3
	n.before = func(w http.ResponseWriter, _ *http.Request) bool {
		if refusals == 0 {
			return false
		}
		refusals--
		say(w, 503, ``)
		return true
	}
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
}

func TestReadsThatLagAreWaitedFor(t *testing.T) {
	n := newNetwork(t, domain)
	n.stale = 3
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.Zero(t, n.stale)
}

func TestAServiceThatHangsIsRolledBack(t *testing.T) {
	n := newNetwork(t, domain)
	n.handler.requestTimeout = 20 * time.Millisecond
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	n.before = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-r.Context().Done():
		case <-release:
		}
		return true
	}
	n.verdict(t, hook.Failed, "Client.Timeout exceeded")
}

// The function's own time is bounded by Lambda: an answer must come before.
func TestTheVerdictComesBeforeTheFunctionIsEnded(t *testing.T) {
	n := newNetwork(t, domain)
	n.before = func(w http.ResponseWriter, _ *http.Request) bool {
		say(w, 503, ``)
		return true
	}
	var bound time.Time // of every attempt, however slow this machine is
	n.handler.pause = func(ctx context.Context, _ time.Duration) error {
		bound, _ = ctx.Deadline()
		return context.DeadlineExceeded
	}
	ended := time.Now().Add(time.Minute)
	ctx, cancel := context.WithDeadline(t.Context(), ended)
	defer cancel()
	answer, err := n.handler.handle(ctx, hook.Event{})
	assert.True(t, bound.Equal(ended.Add(-reserve)), "attempts go on until %v", bound)
	require.NoError(t, err)
	assert.Equal(t, hook.Failed, answer.Status)
	assert.NoError(t, ctx.Err())
	assert.Contains(t, n.logged[0], "got 503", "the reason, and not that the time was up")
}

func TestACertificateOfAnotherHostIsRefused(t *testing.T) {
	n := newNetwork(t, domain, "elsewhere.test")
	n.verdict(t, hook.Failed, "10.0.2.17:8443: Get")
	assert.Contains(t, n.logged[0], "certificate is valid for elsewhere.test, not "+domain)
	assert.Zero(t, n.pauses, "no attempt makes the certificate another")
}

func TestACertificateThatNobodySignedIsRefused(t *testing.T) {
	n := newNetwork(t, domain)
	n.handler.roots = nil
	n.verdict(t, hook.Failed, "certificate signed by unknown authority")
}

func TestALoadBalancerWithoutAddressesIsAFailure(t *testing.T) {
	n := newNetwork(t, domain)
	n.addresses = nil
	n.verdict(t, hook.Failed, `no network interface is described as "ELB app/wallet-test/50dc6c495c0c9188"`)
}

func TestAmountsAreComparedAsDecimals(t *testing.T) {
	for _, same := range [][2]string{{"66.73", "66.7300"}, {"0", "0.00"}, {"1E+2", "100"}} {
		assert.True(t, equal(same[0], same[1]), same)
	}
	for _, other := range [][2]string{{"66.73", "66.730000000000001"}, {"", "0"}, {"NaN", "0"}} {
		assert.False(t, equal(other[0], other[1]), other)
	}
}

func TestEverySettingThatIsMissingIsNamed(t *testing.T) {
	_, err := readSettings(func(string) string { return "" })
	for _, name := range []string{"LOAD_BALANCER", "TEST_PORT", "API_DOMAIN", "TRANSACTIONS", "AWS_REGION"} {
		assert.ErrorContains(t, err, name)
	}
	found, err := readSettings(func(name string) string {
		return map[string]string{"LOAD_BALANCER": balancer, "TEST_PORT": "8443", "API_DOMAIN": domain, "TRANSACTIONS": "true", "GLOBAL_CLUSTER": "g", "AWS_REGION": "us-east-1"}[name]
	})
	require.NoError(t, err)
	assert.Equal(t, settings{balancer: balancer, port: "8443", domain: domain, transactions: true, globalCluster: "g", region: "us-east-1"}, found)
}

// A load balancer gives addresses up and takes new ones by itself, and what is gone
// answers nobody.
func TestADeadAddressAccusesNoOtherOne(t *testing.T) {
	n := newNetwork(t, domain, domain, domain)
	n.addresses = append([]string{"10.0.0.99"}, n.addresses...)
	n.handler.requestTimeout = 50 * time.Millisecond
	n.verdict(t, hook.Failed, "10.0.0.99:8443: ")
	for _, address := range []string{"10.0.1.17", "10.0.2.17", "10.0.3.17"} {
		assert.NotContains(t, n.logged[0], address, "it answered")
	}
	assert.Equal(t, 3, n.count("GET"), "what has answered is not asked again")

	n = newNetwork(t, domain, domain)
	n.later = n.addresses
	n.addresses = []string{"10.0.0.99", n.addresses[0]}
	n.handler.requestTimeout = 50 * time.Millisecond
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.Equal(t, 2, n.count("GET "+wallets+"/"+nobody), "the new address is asked too")
}

// Customers follow what the service calls itself, and plain HTTP leads them nowhere.
func TestAVersionThatDoesNotKnowItsOwnAddressIsRolledBack(t *testing.T) {
	for _, location := range []string{"http://" + domain, "https://" + domain + ":8080", "https://10.0.11.5", "", "https://" + domain + "/proxy"} {
		n := newNetwork(t, domain)
		n.location = location
		n.verdict(t, hook.Failed, "want an address at https://"+domain+"/api/v1/wallets, got")
	}
}

func TestAFailedTestSaysWhatItLeavesInTheBooks(t *testing.T) {
	n := newNetwork(t, domain)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/transfer") {
			say(w, 500, `{}`)
			return true
		}
		return false
	}
	n.verdict(t, hook.Failed, "hold 100.10 or less of test money")
}

// In the region that waits the service has no database that it could use; a deployment
// there must not fail for that, and none may pass untested while nobody knows.
func TestTheTestFollowsTheRegionThatWrites(t *testing.T) {
	n := newNetwork(t, domain)
	n.handler.globalCluster, n.writers = "wallet-test-global", []string{"us-east-1"}
	n.verdict(t, hook.Succeeded, "SKIPPED: the database is written to in us-east-1")
	assert.Empty(t, n.requests)

	n = newNetwork(t, domain)
	n.handler.globalCluster, n.writers = "wallet-test-global", []string{"throttled", "", "moving", "sa-east-1"}
	n.verdict(t, hook.Succeeded, "SUCCEEDED")
	assert.NotEmpty(t, n.requests)
	assert.NotContains(t, strings.Join(n.logged, " "), "SKIPPED")

	for _, never := range []string{"", "moving", "throttled"} {
		n = newNetwork(t, domain)
		n.handler.globalCluster, n.writers = "wallet-test-global", []string{never}
		n.verdict(t, hook.Failed, "ask which region writes")
		assert.Empty(t, n.requests)
	}
}
