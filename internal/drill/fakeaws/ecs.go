package fakeaws

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

type ecsState struct {
	clusters map[string]string // ARN by region and name
	services map[string]*service
	tasks    map[string]string // ARN of a task definition by region and family
}

type service struct {
	Name, ARN, Region, Cluster string
	Definition                 string
	Desired, Running           int
	Ready                      time.Time // when the desired tasks run
	Active                     bool
}

func newECS() ecsState {
	return ecsState{clusters: map[string]string{}, services: map[string]*service{}, tasks: map[string]string{}}
}

// settleECS starts and stops tasks until as many run as are desired.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_services.html
func (s *Server) settleECS(now time.Time) {
	for _, svc := range s.ecs.services {
		if !now.Before(svc.Ready) && !s.down[svc.Region] {
			svc.Running = svc.Desired
		}
	}
}

// ecsInput is all that the drill's requests contain.
type ecsInput struct {
	Cluster, Service, ServiceName, ClusterName string
	TaskDefinition, Family                     string
	Services, Clusters                         []string
	DesiredCount                               *int
	Force                                      bool
}

func (s *Server) serveECS(w http.ResponseWriter, r request) {
	var in ecsInput
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		writeJSON(w, nil, refuse("InvalidParameterException", err.Error()))
		return
	}
	actions := map[string]func(request, ecsInput) (any, *fault){
		"CreateCluster": s.createECSCluster, "DeleteCluster": s.deleteECSCluster,
		"RegisterTaskDefinition": s.registerTask,
		"CreateService":          s.createService, "UpdateService": s.updateService,
		"DescribeServices": s.describeServices, "DeleteService": s.deleteService,
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	act, ok := actions[action]
	if !ok {
		writeJSON(w, nil, refuse("InvalidAction", "the fake does not know "+action))
		return
	}
	result, err := act(r, in)
	writeJSON(w, result, err)
}

func writeJSON(w http.ResponseWriter, result any, failed *fault) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if failed != nil {
		w.WriteHeader(failed.status)
		result = map[string]string{"__type": failed.code, "message": failed.message}
	}
	_ = json.NewEncoder(w).Encode(result) // the reader is gone
}

func last(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func (s *Server) createECSCluster(r request, in ecsInput) (any, *fault) {
	arn := "arn:aws:ecs:" + r.region + ":" + r.account + ":cluster/" + in.ClusterName
	s.ecs.clusters[r.region+"/"+in.ClusterName] = arn
	return map[string]any{"cluster": map[string]any{"clusterName": in.ClusterName, "clusterArn": arn, "status": "ACTIVE"}}, nil
}

// deleteECSCluster refuses while services are active in it.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteCluster.html
func (s *Server) deleteECSCluster(r request, in ecsInput) (any, *fault) {
	key := r.region + "/" + last(in.Cluster)
	if s.ecs.clusters[key] == "" {
		return nil, refuse("ClusterNotFoundException", "Cluster not found.")
	}
	for _, svc := range s.ecs.services {
		if svc.Active && svc.Region+"/"+svc.Cluster == key {
			return nil, refuse("ClusterContainsServicesException", "The cluster still has services.")
		}
	}
	delete(s.ecs.clusters, key)
	return map[string]any{"cluster": map[string]any{"clusterName": last(in.Cluster), "status": "INACTIVE"}}, nil
}

func (s *Server) registerTask(r request, in ecsInput) (any, *fault) {
	arn := "arn:aws:ecs:" + r.region + ":" + r.account + ":task-definition/" + in.Family + ":1"
	s.ecs.tasks[r.region+"/"+in.Family] = arn
	return map[string]any{"taskDefinition": map[string]any{"taskDefinitionArn": arn, "family": in.Family, "revision": 1}}, nil
}

func (s *Server) createService(r request, in ecsInput) (any, *fault) {
	clusterName := last(in.Cluster)
	if s.ecs.clusters[r.region+"/"+clusterName] == "" {
		return nil, refuse("ClusterNotFoundException", "Cluster not found.")
	}
	key := r.region + "/" + clusterName + "/" + in.ServiceName
	if old := s.ecs.services[key]; old != nil && old.Active {
		return nil, refuse("InvalidParameterException", "Creation of service was not idempotent.")
	}
	svc := &service{
		Name: in.ServiceName, Region: r.region, Cluster: clusterName, Definition: in.TaskDefinition, Active: true,
		ARN: "arn:aws:ecs:" + r.region + ":" + r.account + ":service/" + clusterName + "/" + in.ServiceName,
	}
	s.ecs.services[key] = svc
	s.desire(svc, in.DesiredCount)
	return map[string]any{"service": svc.answer()}, nil
}

// desire sets the count; tasks run after the time that they need to start.
func (s *Server) desire(svc *service, count *int) {
	if count == nil || *count == svc.Desired {
		return
	}
	svc.Ready = s.clock.Now().Add(s.Timing.Start)
	if *count < svc.Desired {
		svc.Ready = s.clock.Now()
	}
	svc.Desired = *count
}

func (svc *service) answer() map[string]any {
	status := "ACTIVE"
	if !svc.Active {
		status = "INACTIVE"
	}
	return map[string]any{
		"serviceName": svc.Name, "serviceArn": svc.ARN, "status": status, "taskDefinition": svc.Definition,
		"desiredCount": svc.Desired, "runningCount": svc.Running, "pendingCount": max(svc.Desired-svc.Running, 0),
	}
}

func (s *Server) findService(r request, cluster, name string) (*service, *fault) {
	if svc := s.ecs.services[r.region+"/"+last(cluster)+"/"+last(name)]; svc != nil && svc.Active {
		return svc, nil
	}
	return nil, refuse("ServiceNotFoundException", "Service not found.")
}

// updateService changes what is named and leaves the rest.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
func (s *Server) updateService(r request, in ecsInput) (any, *fault) {
	svc, err := s.findService(r, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	s.desire(svc, in.DesiredCount)
	return map[string]any{"service": svc.answer()}, nil
}

// describeServices lists what is missing among the failures, without an error.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
func (s *Server) describeServices(r request, in ecsInput) (any, *fault) {
	found, failures := []any{}, []any{}
	for _, name := range in.Services {
		if svc, err := s.findService(r, in.Cluster, name); err == nil {
			found = append(found, svc.answer())
		} else {
			failures = append(failures, map[string]any{"arn": name, "reason": "MISSING"})
		}
	}
	return map[string]any{"services": found, "failures": failures}, nil
}

// deleteService needs force for a service with desired tasks.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
func (s *Server) deleteService(r request, in ecsInput) (any, *fault) {
	svc, err := s.findService(r, in.Cluster, in.Service)
	if err != nil {
		return nil, err
	}
	if svc.Desired > 0 && !in.Force {
		return nil, refuse("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
	}
	svc.Active, svc.Desired, svc.Running = false, 0, 0
	return map[string]any{"service": svc.answer()}, nil
}
