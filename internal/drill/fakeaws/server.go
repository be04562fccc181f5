// Package fakeaws is the small part of AWS that a drill calls, in this process:
// RDS global databases, ECS services, Route 53 records and health checks,
// CloudWatch alarms and metrics, and the execution of Region switch plans. Each
// rule names the page that it is taken from. What the pages leave open, such as
// how long a failover takes, is a field of [Timing] and proves nothing.
//
// The suite in internal/drill/conformance asks the fake and any other endpoint
// the same questions, so that the fake cannot drift from what it stands for.
package fakeaws

import (
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"wallet-infra/internal/drill/clock"
)

// Timing is how long the fake's transitions take. The numbers are invented.
type Timing struct {
	// Promotion is a failover or switchover of a global database.
	Promotion time.Duration
	// Start is the time that a task needs until it runs.
	Start time.Duration
	// Step is one step of a Region switch execution.
	Step time.Duration
}

// DefaultTiming is slow enough for a poll to find a transition under way.
var DefaultTiming = Timing{Promotion: 45 * time.Second, Start: 90 * time.Second, Step: 30 * time.Second}

// Server is one account in all regions. Its state lives as long as it does.
type Server struct {
	URL    string
	Timing Timing

	clock  clock.Clock
	server *http.Server

	mu       sync.Mutex
	down     map[string]bool
	rds      rdsState
	ecs      ecsState
	route53  route53State
	watch    watchState
	switcher switchState
	serial   int
}

// New starts a server on a free port of this machine.
func New(clk clock.Clock) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + listener.Addr().String(), Timing: DefaultTiming, clock: clk,
		down: map[string]bool{}, rds: newRDS(), ecs: newECS(), route53: newRoute53(), watch: newWatch(),
		switcher: switchState{executions: map[string]*execution{}},
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.server.Serve(listener) }() // returns when the server is closed
	return s, nil
}

// Close ends the server.
func (s *Server) Close() error { return s.server.Close() }

// SetDown blocks a region, or unblocks it.
func (s *Server) SetDown(region string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.down[region] = down
	s.settle()
}

// SetLag sets how far secondary clusters are behind.
func (s *Server) SetLag(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rds.lag = lag
}

// request is what the fake knows of a request.
type request struct {
	*http.Request
	account, region string
}

// ServeHTTP finds the service by the scope of the signature, as AWS's own
// endpoints do by their host name.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	req := request{Request: r, account: parts[0], region: parts[2]}
	if s.down[req.region] {
		http.Error(w, "the region does not answer", http.StatusServiceUnavailable)
		return
	}
	s.settle()
	switch parts[3] {
	case "rds":
		s.serveRDS(w, req)
	case "ecs":
		s.serveECS(w, req)
	case "route53":
		s.serveRoute53(w, req)
	case "monitoring":
		s.serveCloudWatch(w, req)
	case "arc-region-switch":
		s.serveSwitch(w, req)
	default:
		http.Error(w, "the fake does not know service "+parts[3], http.StatusNotImplemented)
	}
}

// settle moves every transition on to what the clock says.
func (s *Server) settle() {
	now := s.clock.Now()
	s.settleRDS(now)
	s.settleECS(now)
}

// fault is an error of an AWS service.
type fault struct {
	code, message string
	status        int
}

func (f *fault) Error() string { return f.code + ": " + f.message }

func refuse(code, message string) *fault {
	return &fault{code: code, message: message, status: http.StatusBadRequest}
}

func missing(code, message string) *fault {
	return &fault{code: code, message: message, status: http.StatusNotFound}
}
