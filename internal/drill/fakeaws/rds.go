package fakeaws

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// rdsState is the databases of all regions. A global database is visible in each
// region of its members.
type rdsState struct {
	globals   map[string]*global
	clusters  map[string]*cluster // by ARN
	instances map[string]*instance
	lag       time.Duration
}

type global struct {
	ID, ARN, Engine, Version string
	Protected                bool
	Members                  []*member
	Switch                   *switching // under way
}

type member struct {
	Cluster *cluster
	Writer  bool
	Resync  bool // it was the writer, and is not in step yet
}

type cluster struct {
	ID, ARN, Region, Engine, Version string
	Protected                        bool
	Global                           string
}

type instance struct{ ID, Class, Region, Cluster string }

// switching is a change of the writer.
type switching struct {
	From, To *member
	DataLoss bool
	Done     time.Time
}

func newRDS() rdsState {
	return rdsState{
		globals: map[string]*global{}, clusters: map[string]*cluster{}, instances: map[string]*instance{},
		lag: 400 * time.Millisecond,
	}
}

// settleRDS ends the changes whose time has come. After a failover the old writer
// is a secondary that gets in step again once its region is back.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html#aurora-global-database-failover.managed-unplanned
func (s *Server) settleRDS(now time.Time) {
	for _, g := range s.rds.globals {
		if g.Switch != nil && !now.Before(g.Switch.Done) {
			g.Switch.From.Writer, g.Switch.To.Writer = false, true
			g.Switch.From.Resync = g.Switch.DataLoss
			g.Switch = nil
		}
		for _, m := range g.Members {
			if m.Resync && !s.down[m.Cluster.Region] {
				m.Resync = false
			}
		}
	}
}

func (s *Server) serveRDS(w http.ResponseWriter, r request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	actions := map[string]func(request, url.Values) (any, *fault){
		"CreateGlobalCluster":     s.createGlobal,
		"DescribeGlobalClusters":  s.describeGlobals,
		"DeleteGlobalCluster":     s.deleteGlobal,
		"RemoveFromGlobalCluster": s.removeFromGlobal,
		"SwitchoverGlobalCluster": s.switchover,
		"FailoverGlobalCluster":   s.failover,
		"CreateDBCluster":         s.createCluster,
		"DescribeDBClusters":      s.describeClusters,
		"DeleteDBCluster":         s.deleteCluster,
		"CreateDBInstance":        s.createInstance,
		"DeleteDBInstance":        s.deleteInstance,
	}
	action := r.Form.Get("Action")
	act, ok := actions[action]
	if !ok {
		writeQuery(w, action, nil, refuse("InvalidAction", "the fake does not know "+action))
		return
	}
	result, err := act(r, r.Form)
	writeQuery(w, action, result, err)
}

// writeQuery answers in the query protocol's XML.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html
func writeQuery(w http.ResponseWriter, action string, result any, failed *fault) {
	w.Header().Set("Content-Type", "text/xml")
	if failed != nil {
		w.WriteHeader(failed.status)
		encodeXML(w, struct {
			XMLName xml.Name `xml:"ErrorResponse"`
			Type    string   `xml:"Error>Type"`
			Code    string   `xml:"Error>Code"`
			Message string   `xml:"Error>Message"`
		}{Type: "Sender", Code: failed.code, Message: failed.message})
		return
	}
	var inner strings.Builder
	encodeXML(&inner, result)
	fmt.Fprintf(w, "<%sResponse>%s</%sResponse>", action, inner.String(), action)
}

// Answers of RDS.
type (
	xmlGlobal struct {
		Identifier    string      `xml:"GlobalClusterIdentifier"`
		ARN           string      `xml:"GlobalClusterArn"`
		Status        string      `xml:"Status"`
		Engine        string      `xml:"Engine"`
		EngineVersion string      `xml:"EngineVersion"`
		Members       []xmlMember `xml:"GlobalClusterMembers>GlobalClusterMember"`
		State         *xmlState   `xml:"FailoverState,omitempty"`
	}
	xmlMember struct {
		ARN             string   `xml:"DBClusterArn"`
		Readers         []string `xml:"Readers>member"`
		IsWriter        bool     `xml:"IsWriter"`
		Synchronization string   `xml:"SynchronizationStatus"`
	}
	xmlState struct {
		Status   string `xml:"Status"`
		From     string `xml:"FromDbClusterArn"`
		To       string `xml:"ToDbClusterArn"`
		DataLoss bool   `xml:"IsDataLossAllowed"`
	}
	xmlCluster struct {
		Identifier string `xml:"DBClusterIdentifier"`
		ARN        string `xml:"DBClusterArn"`
		Status     string `xml:"Status"`
		Engine     string `xml:"Engine"`
	}
	xmlInstance struct {
		Identifier string `xml:"DBInstanceIdentifier"`
		Status     string `xml:"DBInstanceStatus"`
		Cluster    string `xml:"DBClusterIdentifier"`
	}
)

// answer is the state of a global database, which shows a change while it is
// under way and none otherwise.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverState.html
func (g *global) answer() xmlGlobal {
	out := xmlGlobal{Identifier: g.ID, ARN: g.ARN, Status: "available", Engine: g.Engine, EngineVersion: g.Version}
	for _, m := range g.Members {
		shown := xmlMember{ARN: m.Cluster.ARN, IsWriter: m.Writer, Synchronization: "connected"}
		if m.Resync {
			shown.Synchronization = "pending-resync"
		}
		for _, other := range g.Members {
			if m.Writer && other != m {
				shown.Readers = append(shown.Readers, other.Cluster.ARN)
			}
		}
		out.Members = append(out.Members, shown)
	}
	if g.Switch != nil {
		out.Status = "switching-over"
		if g.Switch.DataLoss {
			out.Status = "failing-over"
		}
		out.State = &xmlState{
			Status: out.Status, From: g.Switch.From.Cluster.ARN, To: g.Switch.To.Cluster.ARN, DataLoss: g.Switch.DataLoss,
		}
	}
	return out
}

func (s *Server) createGlobal(r request, form url.Values) (any, *fault) {
	id := strings.ToLower(form.Get("GlobalClusterIdentifier"))
	if s.rds.globals[id] != nil {
		return nil, refuse("GlobalClusterAlreadyExistsFault", id+" already exists")
	}
	g := &global{
		ID: id, ARN: "arn:aws:rds::" + r.account + ":global-cluster:" + id,
		Engine: form.Get("Engine"), Version: form.Get("EngineVersion"), Protected: form.Get("DeletionProtection") == "true",
	}
	s.rds.globals[id] = g
	return globalResult("CreateGlobalCluster", g), nil
}

func globalResult(action string, g *global) any {
	return struct {
		XMLName xml.Name
		Global  xmlGlobal `xml:"GlobalCluster"`
	}{xml.Name{Local: action + "Result"}, g.answer()}
}

func (s *Server) findGlobal(form url.Values) (*global, *fault) {
	id := strings.ToLower(form.Get("GlobalClusterIdentifier"))
	if g := s.rds.globals[id]; g != nil {
		return g, nil
	}
	return nil, missing("GlobalClusterNotFoundFault", id+" not found")
}

func (s *Server) describeGlobals(_ request, form url.Values) (any, *fault) {
	var shown []xmlGlobal
	if form.Get("GlobalClusterIdentifier") != "" {
		g, err := s.findGlobal(form)
		if err != nil {
			return nil, err
		}
		shown = append(shown, g.answer())
	} else {
		for _, g := range s.rds.globals {
			shown = append(shown, g.answer())
		}
	}
	return struct {
		XMLName xml.Name    `xml:"DescribeGlobalClustersResult"`
		Globals []xmlGlobal `xml:"GlobalClusters>GlobalClusterMember"`
	}{Globals: shown}, nil
}

// deleteGlobal refuses while clusters are members.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteGlobalCluster.html
func (s *Server) deleteGlobal(_ request, form url.Values) (any, *fault) {
	g, err := s.findGlobal(form)
	if err != nil {
		return nil, err
	}
	if len(g.Members) > 0 {
		return nil, refuse("InvalidGlobalClusterStateFault", g.ID+" still has clusters")
	}
	delete(s.rds.globals, g.ID)
	return globalResult("DeleteGlobalCluster", g), nil
}

// removeFromGlobal detaches a secondary, and the primary only when it is alone.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-detaching.html
func (s *Server) removeFromGlobal(r request, form url.Values) (any, *fault) {
	g, err := s.findGlobal(form)
	if err != nil {
		return nil, err
	}
	m := s.memberOf(g, r.region, form.Get("DbClusterIdentifier"))
	if m == nil {
		return nil, missing("DBClusterNotFoundFault", form.Get("DbClusterIdentifier")+" is not a member")
	}
	if m.Writer && len(g.Members) > 1 {
		return nil, refuse("InvalidGlobalClusterStateFault", "the primary cannot leave while it has secondaries")
	}
	g.Members = slices.DeleteFunc(g.Members, func(other *member) bool { return other == m })
	m.Cluster.Global = ""
	return globalResult("RemoveFromGlobalCluster", g), nil
}

// memberOf finds a member by ARN, or by identifier in the request's region.
func (s *Server) memberOf(g *global, region, id string) *member {
	for _, m := range g.Members {
		if m.Cluster.ARN == id || (m.Cluster.ID == id && m.Cluster.Region == region) {
			return m
		}
	}
	return nil
}
