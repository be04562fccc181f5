package fakeaws

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// route53State is global: every region sees the same.
type route53State struct {
	zones  map[string]*zone
	checks map[string]*healthCheck
}

type zone struct {
	ID, Name string
	Records  []xmlRecord
}

type healthCheck struct {
	ID, Reference string
	Config        xmlCheckConfig
	Version       int
}

func newRoute53() route53State {
	return route53State{zones: map[string]*zone{}, checks: map[string]*healthCheck{}}
}

// Requests and answers of Route 53.
type (
	xmlCheckConfig struct {
		Type            string `xml:"Type,omitempty"`
		Inverted        *bool  `xml:"Inverted,omitempty"`
		Disabled        *bool  `xml:"Disabled,omitempty"`
		HealthThreshold *int   `xml:"HealthThreshold,omitempty"`
	}
	xmlRecord struct {
		Name          string    `xml:"Name"`
		Type          string    `xml:"Type"`
		SetIdentifier string    `xml:"SetIdentifier,omitempty"`
		Failover      string    `xml:"Failover,omitempty"`
		TTL           int       `xml:"TTL,omitempty"`
		Values        []string  `xml:"ResourceRecords>ResourceRecord>Value,omitempty"`
		Alias         *xmlAlias `xml:"AliasTarget,omitempty"`
		HealthCheckID string    `xml:"HealthCheckId,omitempty"`
	}
	xmlAlias struct {
		HostedZoneID         string `xml:"HostedZoneId"`
		DNSName              string `xml:"DNSName"`
		EvaluateTargetHealth bool   `xml:"EvaluateTargetHealth"`
	}
	xmlZone struct {
		ID              string `xml:"Id"`
		Name            string `xml:"Name"`
		CallerReference string `xml:"CallerReference"`
	}
	xmlCheck struct {
		ID        string         `xml:"Id"`
		Reference string         `xml:"CallerReference"`
		Config    xmlCheckConfig `xml:"HealthCheckConfig"`
		Version   int            `xml:"HealthCheckVersion"`
	}
)

func encodeXML(w io.Writer, value any) {
	_ = xml.NewEncoder(w).Encode(value) // plain structs encode, and the reader may be gone
}

// writeREST answers in Route 53's XML.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
func writeREST(w http.ResponseWriter, status int, name string, value any, failed *fault) {
	w.Header().Set("Content-Type", "text/xml")
	if failed != nil {
		writeQuery(w, "", nil, failed)
		return
	}
	w.WriteHeader(status)
	var inner strings.Builder
	if value != nil {
		encodeXML(&inner, value)
	}
	fmt.Fprintf(w, "<%s>%s</%s>", name, inner.String(), name)
}

func (s *Server) serveRoute53(w http.ResponseWriter, r request) {
	path := strings.Trim(strings.TrimPrefix(r.URL.Path, "/2013-04-01"), "/")
	parts := strings.Split(path, "/")
	switch {
	case path == "hostedzonesbyname":
		s.listZones(w, r)
	case path == "hostedzone" && r.Method == http.MethodPost:
		s.createZone(w, r)
	case parts[0] == "hostedzone" && len(parts) == 2 && r.Method == http.MethodDelete:
		s.deleteZone(w, parts[1])
	case parts[0] == "hostedzone" && len(parts) == 3 && parts[2] == "rrset":
		s.serveRecords(w, r, parts[1])
	case path == "healthcheck" && r.Method == http.MethodPost:
		s.createCheck(w, r)
	case path == "healthcheck":
		s.listChecks(w)
	case parts[0] == "healthcheck" && len(parts) == 2:
		s.serveCheck(w, r, parts[1])
	default:
		writeREST(w, 0, "", nil, refuse("InvalidInput", "the fake does not know "+r.Method+" "+path))
	}
}

func (s *Server) next(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s%012d", prefix, s.serial)
}

func (s *Server) createZone(w http.ResponseWriter, r request) {
	var in struct{ Name, CallerReference string }
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		writeREST(w, 0, "", nil, refuse("InvalidInput", err.Error()))
		return
	}
	z := &zone{ID: s.next("Z"), Name: strings.TrimSuffix(in.Name, ".") + "."}
	s.route53.zones[z.ID] = z
	writeREST(w, http.StatusCreated, "CreateHostedZoneResponse", struct {
		XMLName xml.Name `xml:"HostedZone"`
		xmlZone
	}{xmlZone: xmlZone{"/hostedzone/" + z.ID, z.Name, in.CallerReference}}, nil)
}

func (s *Server) listZones(w http.ResponseWriter, r request) {
	wanted := strings.TrimSuffix(r.URL.Query().Get("dnsname"), ".") + "."
	var found []xmlZone
	for _, z := range s.route53.zones {
		if z.Name == wanted {
			found = append(found, xmlZone{"/hostedzone/" + z.ID, z.Name, z.ID})
		}
	}
	writeREST(w, http.StatusOK, "ListHostedZonesByNameResponse", struct {
		XMLName xml.Name  `xml:"HostedZones"`
		Zones   []xmlZone `xml:"HostedZone"`
	}{Zones: found}, nil)
}

// deleteZone refuses while the zone has records of one's own.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html
func (s *Server) deleteZone(w http.ResponseWriter, id string) {
	z := s.route53.zones[id]
	if z == nil {
		writeREST(w, 0, "", nil, missing("NoSuchHostedZone", id))
		return
	}
	if len(z.Records) > 0 {
		writeREST(w, 0, "", nil, refuse("HostedZoneNotEmpty", id))
		return
	}
	delete(s.route53.zones, id)
	writeChange(w, "DeleteHostedZoneResponse")
}

func writeChange(w http.ResponseWriter, name string) {
	writeREST(w, http.StatusOK, name, struct {
		XMLName xml.Name `xml:"ChangeInfo"`
		ID      string   `xml:"Id"`
		Status  string   `xml:"Status"`
		At      string   `xml:"SubmittedAt"`
	}{ID: "/change/C1", Status: "INSYNC", At: "2026-01-01T00:00:00Z"}, nil)
}

func (s *Server) serveRecords(w http.ResponseWriter, r request, id string) {
	z := s.route53.zones[id]
	if z == nil {
		writeREST(w, 0, "", nil, missing("NoSuchHostedZone", id))
		return
	}
	if r.Method == http.MethodPost {
		s.changeRecords(w, r, z)
		return
	}
	writeREST(w, http.StatusOK, "ListResourceRecordSetsResponse", struct {
		XMLName xml.Name    `xml:"ResourceRecordSets"`
		Records []xmlRecord `xml:"ResourceRecordSet"`
	}{Records: z.Records}, nil)
}

// changeRecords makes all changes or none. A record with a routing policy needs
// an identifier, and one of a failover pair a health check on the primary.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ResourceRecordSet.html
func (s *Server) changeRecords(w http.ResponseWriter, r request, z *zone) {
	var in struct {
		Changes []struct {
			Action string    `xml:"Action"`
			Record xmlRecord `xml:"ResourceRecordSet"`
		} `xml:"ChangeBatch>Changes>Change"`
	}
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		writeREST(w, 0, "", nil, refuse("InvalidInput", err.Error()))
		return
	}
	records := slices.Clone(z.Records)
	for _, change := range in.Changes {
		record := change.Record
		record.Name = strings.TrimSuffix(record.Name, ".") + "."
		if record.Failover != "" && record.SetIdentifier == "" {
			writeREST(w, 0, "", nil, refuse("InvalidInput", "a failover record needs a SetIdentifier"))
			return
		}
		if record.HealthCheckID != "" && s.route53.checks[record.HealthCheckID] == nil {
			writeREST(w, 0, "", nil, refuse("InvalidInput", "no health check "+record.HealthCheckID))
			return
		}
		same := func(other xmlRecord) bool {
			return other.Name == record.Name && other.Type == record.Type && other.SetIdentifier == record.SetIdentifier
		}
		exists := slices.ContainsFunc(records, same)
		if (change.Action == "CREATE" && exists) || (change.Action == "DELETE" && !exists) {
			writeREST(w, 0, "", nil, refuse("InvalidChangeBatch", change.Action+" "+record.Name))
			return
		}
		records = slices.DeleteFunc(records, same)
		if change.Action != "DELETE" {
			records = append(records, record)
		}
	}
	z.Records = records
	writeChange(w, "ChangeResourceRecordSetsResponse")
}

func (c *healthCheck) answer() any {
	return struct {
		XMLName xml.Name `xml:"HealthCheck"`
		xmlCheck
	}{xmlCheck: xmlCheck{ID: c.ID, Reference: c.Reference, Config: c.Config, Version: c.Version}}
}

// createCheck makes a health check once for a caller's reference.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html
func (s *Server) createCheck(w http.ResponseWriter, r request) {
	var in struct {
		CallerReference string
		Config          xmlCheckConfig `xml:"HealthCheckConfig"`
	}
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		writeREST(w, 0, "", nil, refuse("InvalidInput", err.Error()))
		return
	}
	for _, c := range s.route53.checks {
		if c.Reference == in.CallerReference {
			writeREST(w, http.StatusCreated, "CreateHealthCheckResponse", c.answer(), nil)
			return
		}
	}
	c := &healthCheck{ID: s.next("check-"), Reference: in.CallerReference, Config: in.Config, Version: 1}
	s.route53.checks[c.ID] = c
	writeREST(w, http.StatusCreated, "CreateHealthCheckResponse", c.answer(), nil)
}

func (s *Server) listChecks(w http.ResponseWriter) {
	var all []xmlCheck
	for _, c := range s.route53.checks {
		all = append(all, xmlCheck{ID: c.ID, Reference: c.Reference, Config: c.Config, Version: c.Version})
	}
	writeREST(w, http.StatusOK, "ListHealthChecksResponse", struct {
		XMLName xml.Name   `xml:"HealthChecks"`
		Checks  []xmlCheck `xml:"HealthCheck"`
	}{Checks: all}, nil)
}

// serveCheck changes what an update names and leaves the rest.
// https://docs.aws.amazon.com/Route53/latest/APIReference/API_UpdateHealthCheck.html
func (s *Server) serveCheck(w http.ResponseWriter, r request, id string) {
	c := s.route53.checks[id]
	if c == nil {
		writeREST(w, 0, "", nil, missing("NoSuchHealthCheck", id))
		return
	}
	switch r.Method {
	case http.MethodDelete:
		delete(s.route53.checks, id)
		writeREST(w, http.StatusOK, "DeleteHealthCheckResponse", nil, nil)
		return
	case http.MethodPost:
		var in xmlCheckConfig
		if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
			writeREST(w, 0, "", nil, refuse("InvalidInput", err.Error()))
			return
		}
		if in.Inverted != nil {
			c.Config.Inverted = in.Inverted
		}
		if in.HealthThreshold != nil {
			c.Config.HealthThreshold = in.HealthThreshold
		}
		c.Version++
		writeREST(w, http.StatusOK, "UpdateHealthCheckResponse", c.answer(), nil)
		return
	}
	writeREST(w, http.StatusOK, "GetHealthCheckResponse", c.answer(), nil)
}
