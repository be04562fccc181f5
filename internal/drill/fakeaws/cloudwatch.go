package fakeaws

import (
	"net/http"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// watchState is the alarms of all regions. The only metric is the lag of a
// global database, which RDS publishes where the secondary is.
type watchState struct {
	alarms map[string]*alarm // by region and name
}

type alarm struct{ Name, ARN, State, Reason string }

func newWatch() watchState { return watchState{alarms: map[string]*alarm{}} }

func (s *Server) serveCloudWatch(w http.ResponseWriter, r request) {
	operation, in, err := readCBOR(r)
	if err != nil {
		writeCBOR(w, nil, err)
		return
	}
	actions := map[string]func(request, cbor.Map) (cbor.Map, *fault){
		"PutMetricAlarm": s.putAlarm, "DescribeAlarms": s.describeAlarms, "DeleteAlarms": s.deleteAlarms,
		"SetAlarmState": s.setAlarmState,
		"ListMetrics":   s.listMetrics, "GetMetricData": s.getMetricData, "PutMetricData": s.putMetricData,
	}
	act, ok := actions[operation]
	if !ok {
		writeCBOR(w, nil, refuse("InvalidAction", "the fake does not know "+operation))
		return
	}
	result, err := act(r, in)
	writeCBOR(w, result, err)
}

// putAlarm makes an alarm, which knows nothing yet.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func (s *Server) putAlarm(r request, in cbor.Map) (cbor.Map, *fault) {
	name := textOf(in, "AlarmName")
	s.watch.alarms[r.region+"/"+name] = &alarm{
		Name: name, State: "INSUFFICIENT_DATA", ARN: "arn:aws:cloudwatch:" + r.region + ":" + r.account + ":alarm:" + name,
	}
	return cbor.Map{}, nil
}

func (s *Server) describeAlarms(r request, in cbor.Map) (cbor.Map, *fault) {
	found := cbor.List{}
	for _, name := range listOf(in, "AlarmNames") {
		wanted, _ := name.(cbor.String)
		if a := s.watch.alarms[r.region+"/"+string(wanted)]; a != nil {
			found = append(found, cbor.Map{
				"AlarmName": cbor.String(a.Name), "AlarmArn": cbor.String(a.ARN), "StateValue": cbor.String(a.State),
			})
		}
	}
	return cbor.Map{"MetricAlarms": found}, nil
}

func (s *Server) deleteAlarms(r request, in cbor.Map) (cbor.Map, *fault) {
	for _, name := range listOf(in, "AlarmNames") {
		wanted, _ := name.(cbor.String)
		delete(s.watch.alarms, r.region+"/"+string(wanted))
	}
	return cbor.Map{}, nil
}

// setAlarmState sets the state for a test of what follows from it.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html
func (s *Server) setAlarmState(r request, in cbor.Map) (cbor.Map, *fault) {
	a := s.watch.alarms[r.region+"/"+textOf(in, "AlarmName")]
	if a == nil {
		return nil, missing("ResourceNotFound", textOf(in, "AlarmName"))
	}
	a.State, a.Reason = textOf(in, "StateValue"), textOf(in, "StateReason")
	return cbor.Map{}, nil
}

// lagMetric is published in the region of each secondary, with the region that
// it is behind as a dimension.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
const lagMetric = "AuroraGlobalDBRPOLag"

func (s *Server) listMetrics(r request, in cbor.Map) (cbor.Map, *fault) {
	metrics := cbor.List{}
	if textOf(in, "Namespace") == "AWS/RDS" && textOf(in, "MetricName") == lagMetric {
		for _, g := range s.rds.globals {
			for _, m := range g.Members {
				if !m.Writer && m.Cluster.Region == r.region && asked(in, m.Cluster.ID) {
					metrics = append(metrics, lagOf(m.Cluster, g.writer()))
				}
			}
		}
	}
	return cbor.Map{"Metrics": metrics}, nil
}

// asked says whether the request's filters let the metrics of a cluster through.
func asked(in cbor.Map, cluster string) bool {
	for _, filter := range listOf(in, "Dimensions") {
		fields, _ := filter.(cbor.Map)
		if textOf(fields, "Name") == "DBClusterIdentifier" && textOf(fields, "Value") != cluster {
			return false
		}
	}
	return true
}

func (g *global) writer() *cluster {
	for _, m := range g.Members {
		if m.Writer {
			return m.Cluster
		}
	}
	return &cluster{}
}

func lagOf(secondary, writer *cluster) cbor.Map {
	dimension := func(name, value string) cbor.Map {
		return cbor.Map{"Name": cbor.String(name), "Value": cbor.String(value)}
	}
	return cbor.Map{
		"Namespace": cbor.String("AWS/RDS"), "MetricName": cbor.String(lagMetric),
		"Dimensions": cbor.List{dimension("DBClusterIdentifier", secondary.ID), dimension("SourceRegion", writer.Region)},
	}
}

// getMetricData answers every query for the lag with its present value, in
// milliseconds.
func (s *Server) getMetricData(_ request, in cbor.Map) (cbor.Map, *fault) {
	results := cbor.List{}
	for _, query := range listOf(in, "MetricDataQueries") {
		fields, _ := query.(cbor.Map)
		results = append(results, cbor.Map{
			"Id": fields["Id"], "Label": cbor.String(lagMetric), "StatusCode": cbor.String("Complete"),
			"Timestamps": cbor.List{instant(s.clock.Now())},
			"Values":     cbor.List{cbor.Float64(float64(s.rds.lag.Milliseconds()))},
		})
	}
	return cbor.Map{"MetricDataResults": results}, nil
}

// putMetricData refuses the namespaces of AWS's own services.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
func (s *Server) putMetricData(_ request, in cbor.Map) (cbor.Map, *fault) {
	if strings.HasPrefix(textOf(in, "Namespace"), "AWS/") {
		return nil, refuse("InvalidParameterValue", "namespaces that begin with AWS/ belong to AWS")
	}
	return cbor.Map{}, nil
}
