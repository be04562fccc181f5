package aurora

import (
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2/awsrds"
	"github.com/aws/constructs-go/constructs/v10"

	"wallet-infra/config"
)

// The parameters are those that AWS lists as modifiable in Aurora MySQL 3, each
// in the group where that list has it ("Aurora MySQL configuration parameters"
// in the Aurora user guide). MySQL's own durability settings sync_binlog,
// innodb_doublewrite and innodb_log_file_size are absent on purpose: Aurora's
// storage takes their place, and RDS refuses them. binlog_format is absent too, and
// so OFF: nothing reads a binary log here (Global Database replicates the storage),
// and writing one costs up to half of the write throughput and slows recovery
// ("Setting up enhanced binlog for Aurora MySQL" in the same guide).

// clusterParameters hold for every instance. They include the instances' own:
// a reader that autoscaling adds is to behave like its siblings whichever
// instance group it is given, and RDS lets a cluster group hold both kinds.
func clusterParameters(db config.Database) map[string]string {
	parameters := map[string]string{
		// An acknowledged payment is on disk in three zones.
		"innodb_flush_log_at_trx_commit": "1",
		// No password and no balance travels in the clear, whoever connects.
		"require_secure_transport": "ON",
		"tls_version":              "TLSv1.2,TLSv1.3",
		"character_set_server":     "utf8mb4",
		"collation_server":         "utf8mb4_0900_ai_ci",
		// Timestamps of money do not depend on where somebody reads them.
		"time_zone": "UTC",
		// Who connected, and who changed rights or schema. Not QUERY_DML: it would
		// write the customers' data to a log.
		"server_audit_logging": "1",
		"server_audit_events":  "CONNECT,QUERY_DCL,QUERY_DDL",
		// Transfers lock two wallets: a deadlock is a defect to be seen.
		"innodb_print_all_deadlocks": "1",
	}
	maps.Copy(parameters, instanceParameters(db))
	return parameters
}

// instanceParameters hold for one instance. The isolation level stays MySQL's
// default, REPEATABLE READ, which the wallet service is written and tested for.
func instanceParameters(db config.Database) map[string]string {
	return map[string]string{
		// Validation keeps the service's pools under it, of two versions at their most
		// tasks and on the writer alone: the day that every reader is lost.
		"max_connections": strconv.Itoa(db.MaxConnections),
		"slow_query_log":  "1",
		"long_query_time": strconv.FormatFloat(db.SlowQuery.Seconds(), 'f', -1, 64),
		// RDS exports files; the default table would fill the database instead.
		"log_output": "FILE",
	}
}

// newParameterGroup makes a group for the cluster's engine family.
func newParameterGroup(scope constructs.Construct, id string, parameters map[string]string, db config.Database, protected bool) awsrds.ParameterGroup {
	values := map[string]*string{}
	for name, value := range parameters {
		values[name] = new(value)
	}
	purpose := strings.TrimSuffix(strings.ToLower(id), "parameters")
	return awsrds.NewParameterGroup(scope, new(id), &awsrds.ParameterGroupProps{
		Engine:        engine(db),
		Description:   new("Aurora MySQL for payments: durable, encrypted in transit, audited (" + purpose + ")"),
		Parameters:    &values,
		RemovalPolicy: removal(protected),
	})
}
