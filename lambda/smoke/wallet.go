package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"time"
)

// The wallet service's API, as its public repository has it: amounts are JSON
// numbers in BRL, a created wallet is named by the Location header alone, and the
// service's own errors say what they are in the field "error".
const (
	wallets = "/api/v1/wallets"
	// nobody is a well-formed wallet ID that the service, which makes random ones
	// of version 4, never makes.
	nobody = "00000000-0000-0000-0000-000000000000"
	// notFound is how the service, and not the load balancer, says that it looked.
	notFound = "WALLET_NOT_FOUND"
	// largestAnswer is far more than any answer of the API has.
	largestAnswer = 64 << 10
)

var uuid = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// walletAPI is the API at one address of the load balancer.
type walletAPI struct {
	domain string
	http   *http.Client
}

// reply is an answer of the API.
type reply struct {
	status   int
	location string
	body     []byte
}

// do sends one request. A nil body makes a GET, any other a POST.
func (w walletAPI) do(ctx context.Context, path string, body any) (reply, error) {
	method, content := http.MethodGet, []byte(nil)
	if body != nil {
		method = http.MethodPost
		var err error
		if content, err = json.Marshal(body); err != nil {
			return reply{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+w.domain+path, bytes.NewReader(content))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "wallet-smoke") // the web ACL refuses requests without one
	response, err := w.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	if err != nil {
		return reply{}, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return reply{status: response.StatusCode, location: response.Header.Get("Location"), body: text}, nil
}

// healthy asks for a wallet that does not exist, which the service itself must say:
// it has then looked into the cache and into the database. A load balancer that
// forwards to nobody, or to nothing healthy yet, answers otherwise.
func (w walletAPI) healthy(ctx context.Context) error {
	got, err := w.do(ctx, wallets+"/"+nobody, nil)
	if err != nil {
		return err
	}
	var said struct {
		Error string `json:"error"`
	}
	if got.status != http.StatusNotFound || json.Unmarshal(got.body, &said) != nil || said.Error != notFound {
		return fmt.Errorf("a wallet that does not exist: want 404 and %s, got %s", notFound, got)
	}
	return nil
}

// create makes a wallet and returns its ID. Where the service does not know that it
// stands behind a load balancer, it names an address that customers cannot use:
// http://, or its own host and port (QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING).
func (w walletAPI) create(ctx context.Context, user string) (string, error) {
	got, err := w.do(ctx, wallets, map[string]any{"userId": user})
	if err != nil {
		return "", err
	}
	place, err := url.Parse(got.location)
	if err != nil || got.status != http.StatusCreated || !uuid.MatchString(path.Base(place.Path)) {
		return "", fmt.Errorf("create a wallet: want 201 and its address, got %s at %q", got, got.location)
	}
	if place.Scheme != "https" || place.Host != w.domain || path.Dir(place.Path) != wallets {
		return "", fmt.Errorf("create a wallet: want an address at https://%s%s, got %q", w.domain, wallets, got.location)
	}
	return path.Base(place.Path), nil
}

// move deposits, withdraws or transfers. It is not tried again: money would move
// twice, and a version that needs two attempts is not one to keep.
func (w walletAPI) move(ctx context.Context, wallet, kind string, request map[string]any) error {
	got, err := w.do(ctx, wallets+"/"+wallet+"/"+kind, request)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if got.status != http.StatusOK {
		return fmt.Errorf("%s: want 200, got %s", kind, got)
	}
	return nil
}

// holds waits until a wallet has exactly a balance: reads are not always as new as
// the last write.
func (w walletAPI) holds(ctx context.Context, pause waiting, wallet, want string) error {
	return until(ctx, pause, func() error {
		got, err := w.do(ctx, wallets+"/"+wallet, nil)
		if err != nil {
			return err
		}
		var found struct {
			Balance json.Number `json:"balance"` // its digits, which a float would round
		}
		if got.status != http.StatusOK || json.Unmarshal(got.body, &found) != nil {
			return fmt.Errorf("read a wallet: want 200 and its balance, got %s", got)
		}
		if !equal(found.Balance.String(), want) {
			return fmt.Errorf("a wallet's balance: want %s, got %q", want, found.Balance)
		}
		return nil
	})
}

// equal compares two decimal numbers exactly; 1.50 and 1.5 are equal.
func equal(a, b string) bool {
	left, leftOK := new(big.Rat).SetString(a)
	right, rightOK := new(big.Rat).SetString(b)
	return leftOK && rightOK && left.Cmp(right) == 0
}

// String is the answer for the log, which customers' data never reaches: the test
// asks for nobody else's wallets.
func (r reply) String() string {
	const enough = 200
	body := r.body
	if len(body) > enough {
		body = body[:enough]
	}
	return fmt.Sprintf("%d %q", r.status, body)
}

// waiting is a pause that ends early with the context.
type waiting func(context.Context, time.Duration) error

// until tries until it succeeds or the time is up, and returns the last failure
// that had a cause of its own. A certificate for another name is final.
func until(ctx context.Context, pause waiting, attempt func() error) error {
	var last error
	for {
		err := attempt()
		var certificate *tls.CertificateVerificationError
		if err == nil || errors.As(err, &certificate) {
			return err
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if pause(ctx, retryPause) != nil {
			return last
		}
	}
}
