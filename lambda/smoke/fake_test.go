package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	domain   = "api.wallet.test"
	balancer = "app/wallet-test/50dc6c495c0c9188"
)

// fakeService is the wallet service behind a load balancer. Its answers are those
// of the public repository: WalletResource, its requests' constraints and the
// exception mappers.
type fakeService struct {
	t        *testing.T
	lock     sync.Mutex
	balances map[string]*big.Rat
	users    map[string]string // by wallet
	used     map[string]bool   // references: a unique index
	// before answers instead of the service while it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
	// stale is how many reads of a balance return the one before the last write.
	stale     int
	former    map[string]*big.Rat
	lastWrite string
	requests  []string
	// location is how the service names itself: "https://HOST" behind a load balancer
	// that it knows of.
	location string
}

var (
	walletPath = regexp.MustCompile(`^/api/v1/wallets/([0-9a-f-]{36})(?:/(deposit|withdraw|transfer))?$`)
	userForm   = regexp.MustCompile(`^[a-zA-Z0-9\-_@.]{1,100}$`) // CreateWalletRequest
	refForm    = regexp.MustCompile(`^[a-zA-Z0-9\-_]{1,100}$`)   // DepositFundsRequest and its siblings
)

func (f *fakeService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.requests = append(f.requests, r.Method+" "+r.URL.Path)
	assert.Equal(f.t, domain, r.Host)
	assert.NotEmpty(f.t, r.UserAgent())
	if f.before != nil && f.before(w, r) {
		return
	}
	found := walletPath.FindStringSubmatch(r.URL.Path)
	switch {
	case r.Method == http.MethodPost && r.URL.Path == wallets:
		f.create(w, r)
	case found == nil:
		// The listener forwards the public paths and answers all others itself
		// (constructs/edge).
		say(w, 404, `{}`)
	case f.balances[found[1]] == nil && r.Method == http.MethodGet:
		say(w, 404, `{"timestamp":[2026,11,25,22,0],"status":404,"error":"WALLET_NOT_FOUND","message":"Wallet not found: `+found[1]+`"}`)
	case f.balances[found[1]] == nil:
		say(w, 500, `{"status":500,"error":"Internal Server Error"}`) // an IllegalArgumentException, which no mapper knows
	case r.Method == http.MethodGet:
		f.read(w, found[1])
	default:
		f.move(w, r, found[1], found[2])
	}
}

func say(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

func (f *fakeService) create(w http.ResponseWriter, r *http.Request) {
	var in struct{ UserID string }
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&in))
	if !userForm.MatchString(in.UserID) {
		say(w, 400, `{"error":"Validation Error"}`)
		return
	}
	id := fmt.Sprintf("550e8400-e29b-41d4-a716-%012d", len(f.balances))
	f.balances[id], f.former[id], f.users[id] = new(big.Rat), new(big.Rat), in.UserID
	w.Header().Set("Location", f.location+wallets+"/"+id) // resolved against the request, no body
	w.WriteHeader(http.StatusCreated)
}

func (f *fakeService) read(w http.ResponseWriter, id string) {
	balance := f.balances[id]
	if f.stale > 0 && id == f.lastWrite {
		f.stale--
		balance = f.former[id]
	}
	say(w, 200, fmt.Sprintf(`{"id":%q,"userId":%q,"balance":%s,"status":"ACTIVE","createdAt":"2026-11-25T22:00:00Z"}`,
		id, f.users[id], balance.FloatString(4)))
}

func (f *fakeService) move(w http.ResponseWriter, r *http.Request, id, kind string) {
	var in struct {
		Amount              json.Number
		ReferenceID         string
		DestinationWalletID string
	}
	assert.NoError(f.t, json.NewDecoder(r.Body).Decode(&in))
	amount, ok := new(big.Rat).SetString(in.Amount.String())
	if !ok || amount.Cmp(big.NewRat(1, 100)) < 0 || !refForm.MatchString(in.ReferenceID) {
		say(w, 400, `{"error":"Validation Error"}`)
		return
	}
	if f.used[in.ReferenceID] { // idx_reference_id is unique
		say(w, 500, `{"error":"Internal Server Error"}`)
		return
	}
	if kind != "deposit" && f.balances[id].Cmp(amount) < 0 {
		say(w, 400, `{"error":"INSUFFICIENT_FUNDS"}`)
		return
	}
	to := f.balances[in.DestinationWalletID]
	if kind == "transfer" && to == nil {
		say(w, 404, `{"error":"WALLET_NOT_FOUND"}`)
		return
	}
	f.used[in.ReferenceID], f.lastWrite = true, id
	f.former[id].Set(f.balances[id])
	switch kind {
	case "deposit":
		f.balances[id].Add(f.balances[id], amount)
	case "withdraw":
		f.balances[id].Sub(f.balances[id], amount)
	case "transfer":
		f.balances[id].Sub(f.balances[id], amount)
		to.Add(to, amount)
	}
	w.Header().Set("Location", "https://"+r.Host+"/api/v1/transactions/1")
	w.WriteHeader(http.StatusOK)
}

// certificate is for one host name, signed by nobody.
func certificate(t *testing.T, host string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(content)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{content}, PrivateKey: key, Leaf: leaf}
}

// network is a load balancer with an address for each of the host names that its
// certificates are for, and the function that looks at it.
type network struct {
	*fakeService
	handler handler
	pauses  int
	logged  []string
	// addresses are what EC2 knows, and later what it knows from the second look on.
	addresses, later []string
	looks            int
	// writers are the regions that write at each question, the last one from then on;
	// "" is none, and "moving" is a change.
	writers []string
	asked   int
}

func newNetwork(t *testing.T, hosts ...string) *network {
	n := &network{fakeService: &fakeService{
		t: t, location: "https://" + domain, balances: map[string]*big.Rat{}, former: map[string]*big.Rat{}, users: map[string]string{}, used: map[string]bool{},
	}}
	servers := map[string]string{}
	roots := x509.NewCertPool()
	for i, host := range hosts {
		server := httptest.NewUnstartedServer(n.fakeService)
		proof := certificate(t, host)
		roots.AddCert(proof.Leaf)
		server.TLS = &tls.Config{Certificates: []tls.Certificate{proof}, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		ip := fmt.Sprintf("10.0.%d.17", i+1)
		n.addresses = append(n.addresses, ip)
		servers[ip+":8443"] = server.Listener.Addr().String()
	}
	n.handler = handler{
		settings: settings{balancer: balancer, port: "8443", domain: domain, transactions: true, region: "sa-east-1"},
		ec2:      n.ec2(t), rds: n.rds(t), roots: roots, requestTimeout: 5 * time.Second,
		dial: func(ctx context.Context, kind, address string) (net.Conn, error) {
			target, ok := servers[address]
			if !ok { // what is gone refuses nothing, and answers nothing
				<-ctx.Done()
				return nil, fmt.Errorf("connect to %s: %w", address, ctx.Err())
			}
			return (&net.Dialer{}).DialContext(ctx, kind, target)
		},
		pause: func(ctx context.Context, _ time.Duration) error {
			if n.pauses++; n.pauses > 20 {
				return context.DeadlineExceeded
			}
			return ctx.Err()
		},
		logf: func(format string, values ...any) { n.logged = append(n.logged, fmt.Sprintf(format, values...)) },
	}
	return n
}

// rds serves DescribeGlobalClusters.
func (n *network) rds(t *testing.T) *rds.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, "wallet-test-global", r.Form.Get("GlobalClusterIdentifier"))
		writer := n.writers[min(n.asked, len(n.writers)-1)]
		n.asked++
		w.Header().Set("Content-Type", "text/xml")
		if writer == "throttled" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>`)
			return
		}
		fmt.Fprint(w, `<DescribeGlobalClustersResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><DescribeGlobalClustersResult><GlobalClusters><GlobalClusterMember>`)
		if writer == "moving" {
			writer = "sa-east-1"
			fmt.Fprint(w, `<FailoverState><Status>switching-over</Status></FailoverState>`)
		} else {
			fmt.Fprint(w, `<FailoverState></FailoverState>`)
		}
		fmt.Fprint(w, `<GlobalClusterMembers>`)
		for _, region := range []string{"us-east-1", "sa-east-1"} {
			fmt.Fprintf(w, `<GlobalClusterMember><DBClusterArn>arn:aws:rds:%s:111111111111:cluster:wallet-test</DBClusterArn><IsWriter>%t</IsWriter></GlobalClusterMember>`, region, region == writer)
		}
		fmt.Fprint(w, `</GlobalClusterMembers></GlobalClusterMember></GlobalClusters></DescribeGlobalClustersResult></DescribeGlobalClustersResponse>`)
	}))
	t.Cleanup(server.Close)
	return rds.New(rds.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
}

// ec2 serves DescribeNetworkInterfaces over HTTP, a page for each address.
func (n *network) ec2(t *testing.T) *ec2.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.NoError(t, r.ParseForm())
		assert.Equal(t, "DescribeNetworkInterfaces", r.Form.Get("Action"))
		filters := map[string]string{}
		for i := 1; r.Form.Get(fmt.Sprintf("Filter.%d.Name", i)) != ""; i++ {
			filters[r.Form.Get(fmt.Sprintf("Filter.%d.Name", i))] = r.Form.Get(fmt.Sprintf("Filter.%d.Value.1", i))
		}
		// Elastic Load Balancing describes its interfaces as "ELB app/NAME/ID".
		assert.Equal(t, map[string]string{"description": "ELB " + balancer, "status": "in-use"}, filters)
		if r.Form.Get("NextToken") == "" && n.later != nil && n.looks > 0 {
			n.addresses, n.later = n.later, nil
		}
		n.looks++
		page := 0
		if token := r.Form.Get("NextToken"); token != "" {
			_, err := fmt.Sscan(token, &page)
			assert.NoError(t, err)
		}
		var content strings.Builder
		content.WriteString(`<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><networkInterfaceSet>`)
		if page < len(n.addresses) {
			fmt.Fprintf(&content, `<item><networkInterfaceId>eni-%d</networkInterfaceId><privateIpAddress>%s</privateIpAddress></item>`, page, n.addresses[page])
		}
		content.WriteString(`</networkInterfaceSet>`)
		if page+1 < len(n.addresses) {
			fmt.Fprintf(&content, `<nextToken>%d</nextToken>`, page+1)
		}
		content.WriteString(`</DescribeNetworkInterfacesResponse>`)
		w.Header().Set("Content-Type", "text/xml")
		fmt.Fprint(w, content.String())
	}))
	t.Cleanup(server.Close)
	return ec2.New(ec2.Options{
		BaseEndpoint: new(server.URL), Region: "sa-east-1", Retryer: aws.NopRetryer{},
		Credentials: credentials.NewStaticCredentialsProvider("id", "key", ""),
	})
}
