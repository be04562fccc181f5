// Package server starts Apache Kafka's brokers as MSK runs them: a controller apart
// from the brokers (KRaft), clients over SASL_SSL with SCRAM-SHA-512 by the names that
// MSK gives its brokers, rights by ACLs alone, and the cluster's own configuration. It
// has no IAM listener and no ZooKeeper.
package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"wallet-infra/test/engines"
)

// The super user, who stands for MSK's IAM principals.
const (
	Admin    = "admin"
	Password = "only-on-loopback"
)

// Domain is where MSK names the brokers of a cluster.
const Domain = "wallet.a1b2c3.c2.kafka.sa-east-1.amazonaws.com"

// Cluster is a running cluster.
type Cluster struct {
	Authority *engines.Authority // who signed the brokers' certificates
	Brokers   []*Broker

	java       string // program
	archives   string // class path
	dir        string
	identity   string // file with the certificate and the key of each node
	controller string // host:port
	properties string // of the cluster's configuration
}

// Broker is one broker of a cluster.
type Broker struct {
	Host string // by which clients know it

	id            int32
	port          string // of clients, on loopback
	configuration string // file
	process       *engines.Process
}

// clusterID is one that Kafka's own tool made.
const clusterID = "Wgq0zmuzQM2VZ8v1iTRRWw"

// ClientPort is MSK's for SASL/SCRAM inside the VPC.
const ClientPort = "9096"

// Start runs a cluster until the test ends, with the server properties of an MSK
// configuration.
func Start(t *testing.T, brokers int, properties string) *Cluster {
	t.Helper()
	engines.Want(t, "Kafka")
	c := &Cluster{java: engines.Find(t, "java", "openjdk-17-jre-headless"), Authority: engines.NewAuthority(t), dir: t.TempDir(), archives: archives(t), properties: properties}
	c.controller = "127.0.0.1:" + engines.FreePort(t)
	hosts := []string{"127.0.0.1"}
	for id := int32(1); len(c.Brokers) < brokers; id++ {
		broker := &Broker{Host: fmt.Sprintf("b-%d.%s", id, Domain), id: id, port: engines.FreePort(t)}
		c.Brokers, hosts = append(c.Brokers, broker), append(hosts, broker.Host)
	}
	c.identity = c.identify(t, hosts)
	require.NoError(t, os.WriteFile(c.logging(), []byte(logging), 0o600))

	controller := c.configure(t, 0, "controller", "CONTROLLER://"+c.controller, "")
	c.format(t, controller)
	c.run(t, "kafka.Kafka", controller)
	for _, broker := range c.Brokers {
		inside := "BROKER://127.0.0.1:" + engines.FreePort(t)
		broker.configuration = c.configure(t, broker.id, "broker", inside+",CLIENT://127.0.0.1:"+broker.port,
			inside+",CLIENT://"+net.JoinHostPort(broker.Host, ClientPort))
		meta := fmt.Sprintf("version=1\ncluster.id=%s\nnode.id=%d\n", clusterID, broker.id)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(broker.configuration), "meta.properties"), []byte(meta), 0o600))
		broker.process = c.run(t, "kafka.Kafka", broker.configuration)
	}
	for _, broker := range c.Brokers {
		c.await(t, broker)
	}
	return c
}

// archives are those of jars.sha256, as a class path.
func archives(t *testing.T) string {
	t.Helper()
	root := engines.Root(t)
	list, err := os.ReadFile(filepath.Join(root, "test/engines/kafka/jars.sha256"))
	require.NoError(t, err)
	var files []string
	for line := range strings.Lines(string(list)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		file := filepath.Join(root, "build/kafka", name)
		require.FileExists(t, file, "`scripts/engines.sh install` brings Kafka from Maven Central")
		files = append(files, file)
	}
	return strings.Join(files, ":")
}

// identify writes the file by which every node is known to clients and to the others.
func (c *Cluster) identify(t *testing.T, hosts []string) string {
	t.Helper()
	certificate, key := c.Authority.Issue(t, "broker", hosts...)
	var both []byte
	for _, part := range []string{key, certificate} {
		content, err := os.ReadFile(part)
		require.NoError(t, err)
		both = append(both, content...)
	}
	file := filepath.Join(c.dir, "identity.pem")
	require.NoError(t, os.WriteFile(file, both, 0o600))
	return file
}

// configure writes a node's server.properties: the cluster's configuration, and what
// MSK decides itself.
func (c *Cluster) configure(t *testing.T, id int32, role, listeners, advertised string) string {
	t.Helper()
	data := filepath.Join(c.dir, fmt.Sprint("node-", id))
	lines := []string{
		c.properties,
		fmt.Sprint("node.id=", id),
		"process.roles=" + role,
		"controller.quorum.voters=0@" + c.controller,
		"controller.listener.names=CONTROLLER",
		"listeners=" + listeners,
		"listener.security.protocol.map=CONTROLLER:SSL,BROKER:SSL,CLIENT:SASL_SSL",
		"sasl.enabled.mechanisms=SCRAM-SHA-512",
		"listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"ssl.keystore.type=PEM", "ssl.keystore.location=" + c.identity,
		"ssl.truststore.type=PEM", "ssl.truststore.location=" + c.Authority.File,
		"listener.name.broker.ssl.client.auth=required", "listener.name.controller.ssl.client.auth=required",
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users=User:CN=broker;User:" + Admin,
		"log.dirs=" + data,
		// A test waits for neither a session that is over nor a group that fills.
		"broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500", "group.initial.rebalance.delay.ms=0",
		"offsets.topic.num.partitions=3", "transaction.state.log.num.partitions=3",
	}
	if role == "broker" {
		lines = append(lines, "advertised.listeners="+advertised, "inter.broker.listener.name=BROKER")
	}
	require.NoError(t, os.MkdirAll(data, 0o700))
	file := filepath.Join(data, "server.properties")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

// format prepares the controller's storage, with the super user's password in the
// metadata: nobody could sign in to set it later.
func (c *Cluster) format(t *testing.T, configuration string) {
	t.Helper()
	output, err := c.command("kafka.tools.StorageTool", "format", "--cluster-id", clusterID, "--config", configuration,
		"--add-scram", fmt.Sprintf("SCRAM-SHA-512=[name=%s,password=%s]", Admin, Password)).CombinedOutput()
	require.NoError(t, err, "%s", output)
}

// logging sends the log to standard output.
const logging = `log4j.rootLogger=INFO, stdout
log4j.appender.stdout=org.apache.log4j.ConsoleAppender
log4j.appender.stdout.layout=org.apache.log4j.PatternLayout
log4j.appender.stdout.layout.ConversionPattern=%d{HH:mm:ss} %p %m (%c)%n
`

func (c *Cluster) logging() string { return filepath.Join(c.dir, "log4j.properties") }

// command is one of Kafka's programs in a small JVM.
func (c *Cluster) command(class string, arguments ...string) *exec.Cmd {
	return exec.Command(c.java, append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j.configuration=file:" + c.logging(), "-cp", c.archives, class,
	}, arguments...)...)
}

func (c *Cluster) run(t *testing.T, class, configuration string) *engines.Process {
	t.Helper()
	return engines.Run(t, c.command(class, configuration))
}

// await returns when the cluster counts a broker as one of its own.
func (c *Cluster) await(t *testing.T, broker *Broker) {
	t.Helper()
	admin := c.Admin(t)
	broker.process.Await(t, func() error {
		known, err := admin.ListBrokers(t.Context())
		if err == nil && !slices.Contains(known.NodeIDs(), broker.id) {
			err = fmt.Errorf("the brokers are %v", known.NodeIDs())
		}
		return err
	})
}

// Lose takes a broker away, as the loss of its zone does.
func (c *Cluster) Lose(i int) { c.Brokers[i].process.Kill() }

// Restore starts a broker that was lost.
func (c *Cluster) Restore(t *testing.T, i int) {
	t.Helper()
	c.Brokers[i].process = c.run(t, "kafka.Kafka", c.Brokers[i].configuration)
	c.await(t, c.Brokers[i])
}

// Bootstrap is the list of brokers that MSK gives for SASL/SCRAM.
func (c *Cluster) Bootstrap() string {
	var list []string
	for _, broker := range c.Brokers {
		list = append(list, net.JoinHostPort(broker.Host, ClientPort))
	}
	return strings.Join(list, ",")
}

// Dial connects to a broker by its name, over TLS, and checks that it is the one.
func (c *Cluster) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for _, broker := range c.Brokers {
		if broker.Host == host && port == ClientPort {
			dialer := tls.Dialer{Config: &tls.Config{RootCAs: c.Authority.Pool, ServerName: host, MinVersion: tls.VersionTLS12}}
			return dialer.DialContext(ctx, "tcp", "127.0.0.1:"+broker.port)
		}
	}
	return nil, fmt.Errorf("nobody answers at %s", address)
}

// Client connects as a user; options come after the ones that every client has.
func (c *Cluster) Client(t *testing.T, user, password string, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(strings.Split(c.Bootstrap(), ",")...),
		kgo.Dialer(c.Dial),
		kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()),
		kgo.RetryTimeout(10 * time.Second),
		kgo.MetadataMinAge(100 * time.Millisecond),
	}, options...)...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// Admin connects as the super user.
func (c *Cluster) Admin(t *testing.T) *kadm.Client {
	t.Helper()
	return kadm.NewClient(c.Client(t, Admin, Password))
}

// AddUser makes a SASL/SCRAM user, as the association of a secret does on MSK.
func (c *Cluster) AddUser(t *testing.T, name, password string) {
	t.Helper()
	results, err := c.Admin(t).AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{
		{User: name, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password},
	})
	require.NoError(t, err)
	for _, result := range results {
		require.NoError(t, result.Err)
	}
}

// Address is where the broker listens for clients, on loopback.
func (b *Broker) Address() string { return "127.0.0.1:" + b.port }
