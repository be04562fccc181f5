package fakeaws

import (
	"encoding/xml"
	"net/url"
)

// switchover changes roles without loss: the secondary must be in step, so every
// cluster must be healthy.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_SwitchoverGlobalCluster.html
func (s *Server) switchover(r request, form url.Values) (any, *fault) {
	return s.changeWriter(r, "SwitchoverGlobalCluster", form, false)
}

// failover promotes a secondary where data loss is allowed. Without AllowDataLoss
// it is a switchover, and the two parameters exclude each other.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverGlobalCluster.html
func (s *Server) failover(r request, form url.Values) (any, *fault) {
	if form.Has("AllowDataLoss") && form.Has("Switchover") {
		return nil, refuse("InvalidParameterCombination", "AllowDataLoss and Switchover exclude each other")
	}
	return s.changeWriter(r, "FailoverGlobalCluster", form, form.Get("AllowDataLoss") == "true")
}

func (s *Server) changeWriter(r request, action string, form url.Values, loss bool) (any, *fault) {
	g, err := s.findGlobal(form)
	if err != nil {
		return nil, err
	}
	if g.Switch != nil {
		return nil, refuse("InvalidGlobalClusterStateFault", g.ID+" is already changing its writer")
	}
	target := s.memberOf(g, r.region, form.Get("TargetDbClusterIdentifier"))
	if target == nil {
		return nil, missing("DBClusterNotFoundFault", form.Get("TargetDbClusterIdentifier")+" is not a member of "+g.ID)
	}
	if target.Writer {
		return nil, refuse("InvalidGlobalClusterStateFault", target.Cluster.ID+" is the primary already")
	}
	if err := s.promotable(g, target, loss); err != nil {
		return nil, err
	}
	for _, m := range g.Members {
		if m.Writer {
			g.Switch = &switching{From: m, To: target, DataLoss: loss, Done: s.clock.Now().Add(s.Timing.Promotion)}
		}
	}
	return globalResult(action, g), nil
}

// promotable refuses a target without an instance, and a switchover with a member
// that cannot be synchronized.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
func (s *Server) promotable(g *global, target *member, loss bool) *fault {
	for _, m := range g.Members {
		if !loss && (s.down[m.Cluster.Region] || m.Resync) {
			return refuse("InvalidGlobalClusterStateFault", m.Cluster.ID+" is not healthy: a switchover needs all clusters in step")
		}
	}
	for _, i := range s.rds.instances {
		if i.Cluster == target.Cluster.ID && i.Region == target.Cluster.Region {
			return nil
		}
	}
	return refuse("InvalidDBClusterStateFault", target.Cluster.ID+" has no instance to promote")
}

// createCluster makes a cluster; the first of a global database is its writer.
// A secondary takes user and password from the primary, and one region holds one
// cluster of a global database.
// https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-attaching.html
func (s *Server) createCluster(r request, form url.Values) (any, *fault) {
	id := form.Get("DBClusterIdentifier")
	c := &cluster{
		ID: id, Region: r.region, ARN: "arn:aws:rds:" + r.region + ":" + r.account + ":cluster:" + id,
		Engine: form.Get("Engine"), Version: form.Get("EngineVersion"), Protected: form.Get("DeletionProtection") == "true",
	}
	if s.rds.clusters[c.ARN] != nil {
		return nil, refuse("DBClusterAlreadyExistsFault", id+" already exists")
	}
	if form.Get("GlobalClusterIdentifier") != "" {
		g, err := s.findGlobal(form)
		if err != nil {
			return nil, err
		}
		for _, m := range g.Members {
			if m.Cluster.Region == r.region {
				return nil, refuse("InvalidGlobalClusterStateFault", "a cluster of "+g.ID+" is in "+r.region+" already")
			}
		}
		if len(g.Members) > 0 && form.Get("MasterUsername") != "" {
			return nil, refuse("InvalidParameterCombination", "a secondary takes its user from the primary")
		}
		c.Global = g.ID
		g.Members = append(g.Members, &member{Cluster: c, Writer: len(g.Members) == 0})
	}
	s.rds.clusters[c.ARN] = c
	return clusterResult("CreateDBCluster", c), nil
}

func clusterResult(action string, c *cluster) any {
	return struct {
		XMLName xml.Name
		Cluster xmlCluster `xml:"DBCluster"`
	}{xml.Name{Local: action + "Result"}, xmlCluster{Identifier: c.ID, ARN: c.ARN, Status: "available", Engine: c.Engine}}
}

func (s *Server) findCluster(r request, id string) (*cluster, *fault) {
	for _, c := range s.rds.clusters {
		if c.Region == r.region && (c.ID == id || c.ARN == id) {
			return c, nil
		}
	}
	return nil, missing("DBClusterNotFoundFault", id+" not found")
}

func (s *Server) describeClusters(r request, form url.Values) (any, *fault) {
	c, err := s.findCluster(r, form.Get("DBClusterIdentifier"))
	if err != nil {
		return nil, err
	}
	return struct {
		XMLName  xml.Name     `xml:"DescribeDBClustersResult"`
		Clusters []xmlCluster `xml:"DBClusters>DBCluster"`
	}{Clusters: []xmlCluster{{Identifier: c.ID, ARN: c.ARN, Status: "available", Engine: c.Engine}}}, nil
}

// deleteCluster refuses while the cluster has instances, protection, or a place
// in a global database.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBCluster.html
func (s *Server) deleteCluster(r request, form url.Values) (any, *fault) {
	c, err := s.findCluster(r, form.Get("DBClusterIdentifier"))
	if err != nil {
		return nil, err
	}
	if c.Global != "" || c.Protected {
		return nil, refuse("InvalidDBClusterStateFault", c.ID+" is protected or in a global database")
	}
	for _, i := range s.rds.instances {
		if i.Cluster == c.ID && i.Region == r.region {
			return nil, refuse("InvalidDBClusterStateFault", c.ID+" still has instances")
		}
	}
	delete(s.rds.clusters, c.ARN)
	return clusterResult("DeleteDBCluster", c), nil
}

func (s *Server) createInstance(r request, form url.Values) (any, *fault) {
	id := form.Get("DBInstanceIdentifier")
	if _, err := s.findCluster(r, form.Get("DBClusterIdentifier")); err != nil {
		return nil, err
	}
	if s.rds.instances[r.region+"/"+id] != nil {
		return nil, refuse("DBInstanceAlreadyExists", id+" already exists")
	}
	i := &instance{ID: id, Class: form.Get("DBInstanceClass"), Region: r.region, Cluster: form.Get("DBClusterIdentifier")}
	s.rds.instances[r.region+"/"+id] = i
	return instanceResult("CreateDBInstance", i, "creating"), nil
}

func instanceResult(action string, i *instance, status string) any {
	return struct {
		XMLName  xml.Name
		Instance xmlInstance `xml:"DBInstance"`
	}{xml.Name{Local: action + "Result"}, xmlInstance{Identifier: i.ID, Status: status, Cluster: i.Cluster}}
}

func (s *Server) deleteInstance(r request, form url.Values) (any, *fault) {
	id := form.Get("DBInstanceIdentifier")
	i := s.rds.instances[r.region+"/"+id]
	if i == nil {
		return nil, missing("DBInstanceNotFound", id+" not found")
	}
	delete(s.rds.instances, r.region+"/"+id)
	return instanceResult("DeleteDBInstance", i, "deleting"), nil
}
