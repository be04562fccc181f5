package application

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// process is the application in its container.
type process struct {
	settings settings
	files    string         // directory that stands for the container's /
	trusted  *x509.CertPool // that of the JVM
	network  network
}

// network leads from the names that the task is told to the engines.
type network struct {
	places map[string]string // host:port on loopback by host:port
	dialed *[]string
}

func (n network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	*n.dialed = append(*n.dialed, address)
	place, ok := n.places[address]
	if !ok {
		return nil, fmt.Errorf("nobody answers at %s", address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", place)
}

// secure connects over TLS and checks that the server is the one that was asked for.
func (p process) secure(ctx context.Context, _, address string) (net.Conn, error) {
	plain, err := p.network.dial(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(address)
	connection := tls.Client(plain, &tls.Config{RootCAs: p.trusted, ServerName: host, MinVersion: tls.VersionTLS12})
	return connection, connection.HandshakeContext(ctx)
}

// pools are the datasources: the part of the variables' names, and of the properties'.
var pools = []struct{ variable, property string }{{"", ""}, {"WRITE_", "write."}, {"READ_", "read."}}

// part is what connects with a variable.
func (p process) part(variable string) func(context.Context) error {
	switch {
	case strings.HasPrefix(variable, "QUARKUS_REDIS_"), strings.HasPrefix(variable, "CACHE_"):
		return p.cache
	case strings.HasPrefix(variable, "KAFKA_"), strings.HasPrefix(variable, "BROKER_"):
		return p.events
	default:
		return p.databases
	}
}

func (p process) databases(ctx context.Context) error {
	var problems []error
	for _, pool := range pools {
		problems = append(problems, p.database(ctx, pool.variable, pool.property))
	}
	return errors.Join(problems...)
}

// database opens a connection of a pool, with Vert.x's meaning of its options.
func (p process) database(ctx context.Context, pool, property string) error {
	values := map[string]string{}
	for _, name := range []string{"USERNAME", "PASSWORD", "REACTIVE_URL"} {
		value, err := p.settings.get("QUARKUS_DATASOURCE_" + pool + name)
		if err != nil {
			return err
		}
		values[name] = value
	}
	address, err := url.Parse(values["REACTIVE_URL"])
	if err != nil || address.Scheme != "mysql" {
		return fmt.Errorf("QUARKUS_DATASOURCE_%sREACTIVE_URL: want mysql://…, got %q", pool, values["REACTIVE_URL"])
	}
	config := driver.NewConfig()
	config.User, config.Passwd, config.DBName = values["USERNAME"], values["PASSWORD"], strings.TrimPrefix(address.Path, "/")
	config.Net, config.Addr, config.DialFunc, config.Logger = "tcp", address.Host, p.network.dial, &driver.NopLogger{}
	if config.TLS, err = p.databaseTLS(property, address.Hostname()); err != nil {
		return err
	}
	connector, err := driver.NewConnector(config)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	var name string
	if err := db.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&name); err != nil {
		return fmt.Errorf("the database of QUARKUS_DATASOURCE_%sREACTIVE_URL: %w", pool, err)
	}
	return nil
}

// databaseTLS is the pool's TLS: without verify-identity the driver would take any
// server for the database.
func (p process) databaseTLS(pool, host string) (*tls.Config, error) {
	prefix := "quarkus.datasource." + pool + "reactive."
	for name, want := range map[string]string{"mysql.ssl-mode": "verify-identity", "hostname-verification-algorithm": "HTTPS", "trust-certificate-pem": "true"} {
		value, err := p.settings.property(prefix + name)
		if err != nil {
			return nil, err
		}
		if value != want {
			return nil, fmt.Errorf("JAVA_OPTS_APPEND: %s%s: want %s, got %s", prefix, name, want, value)
		}
	}
	file, err := p.settings.property(prefix + "trust-certificate-pem.certs")
	if err != nil {
		return nil, err
	}
	authorities, err := os.ReadFile(filepath.Join(p.files, file))
	if err != nil {
		return nil, err
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s: no certificate", filepath.Base(file))
	}
	return &tls.Config{RootCAs: trusted, ServerName: host, MinVersion: tls.VersionTLS12}, nil
}

// cache asks the cache for a wallet that it does not have.
func (p process) cache(ctx context.Context) error {
	hosts, err := p.settings.get("QUARKUS_REDIS_HOSTS")
	if err != nil {
		return err
	}
	address, err := url.Parse(hosts)
	if err != nil || address.Scheme != "rediss" && address.Scheme != "redis" || address.User == nil {
		return fmt.Errorf("QUARKUS_REDIS_HOSTS: want rediss://USER:PASSWORD@HOST:PORT")
	}
	dial := p.secure
	if address.Scheme == "redis" {
		dial = p.network.dial
	}
	password, _ := address.User.Password()
	options := redis.UniversalOptions{
		Addrs: []string{address.Host}, Username: address.User.Username(), Password: password, Dialer: dial,
		IsClusterMode: p.settings["QUARKUS_REDIS_CLIENT_TYPE"] == "cluster", MaxRetries: -1, DisableIdentity: true,
		DialTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
	}
	client := redis.NewUniversalClient(&options)
	defer client.Close()
	if err := client.Get(ctx, "wallet:none").Err(); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("the cache of QUARKUS_REDIS_HOSTS: %w", err)
	}
	// The nodes of a cluster send a client that does not know of them elsewhere.
	if slots, err := client.ClusterSlots(ctx).Result(); err == nil && len(slots) > 0 && !options.IsClusterMode {
		return fmt.Errorf("QUARKUS_REDIS_CLIENT_TYPE: want cluster for a cache in cluster mode")
	}
	return nil
}

// jaas is a line of a login module with its options, which Kafka's client reads.
var jaas = regexp.MustCompile(`^org\.apache\.kafka\.common\.security\.scram\.ScramLoginModule required((?: \w+="[^"\\]*")+);$`)

// events publishes an event.
func (p process) events(ctx context.Context) error {
	values := map[string]string{}
	for _, name := range []string{"BOOTSTRAP_SERVERS", "SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_JAAS_CONFIG"} {
		value, err := p.settings.get("KAFKA_" + name)
		if err != nil {
			return err
		}
		values[name] = value
	}
	line := jaas.FindStringSubmatch(values["SASL_JAAS_CONFIG"])
	if line == nil {
		return fmt.Errorf("KAFKA_SASL_JAAS_CONFIG: want a ScramLoginModule with its options")
	}
	login := map[string]string{}
	for _, option := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(line[1], -1) {
		login[option[1]] = option[2]
	}
	credentials := scram.Auth{User: login["username"], Pass: login["password"]}
	mechanism := credentials.AsSha512Mechanism()
	if values["SASL_MECHANISM"] != "SCRAM-SHA-512" {
		mechanism = credentials.AsSha256Mechanism()
	}
	dial := p.secure
	if values["SECURITY_PROTOCOL"] != "SASL_SSL" {
		dial = p.network.dial
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(values["BOOTSTRAP_SERVERS"], ",")...), kgo.Dialer(dial), kgo.SASL(mechanism),
		kgo.RetryTimeout(time.Second), kgo.UnknownTopicRetries(0))
	if err != nil {
		return fmt.Errorf("the brokers of KAFKA_BOOTSTRAP_SERVERS: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	err = client.Ping(ctx)
	if err == nil {
		err = client.ProduceSync(ctx, &kgo.Record{Topic: "wallet-events", Value: []byte("{}")}).FirstErr()
	}
	if err != nil {
		return fmt.Errorf("the brokers of KAFKA_BOOTSTRAP_SERVERS: %w", err)
	}
	return nil
}

// connects are the variables and secrets that the parts connect with.
func connects(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return meanings[name] != nil })
}
