package application

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"wallet-infra/test/engines"
	kafka "wallet-infra/test/engines/kafka/server"
	mysql "wallet-infra/test/engines/mysql/server"
	redis "wallet-infra/test/engines/redis/server"
)

// TestMain silences the clients, which say of each refusal what a test asks.
func TestMain(m *testing.M) {
	logging.Disable()
	os.Exit(m.Run())
}

// imposter is a name at which the engines answer, and for which they have no
// certificate.
const imposter = "imposter.example.org"

// platform is one of each engine, with the secrets of the template.
type platform struct {
	database mysql.Server
	cache    *redis.Cluster
	brokers  *kafka.Cluster

	announced string // by which the cache's node is known to its cluster
}

// bootstrap is of a cluster with one broker.
const bootstrap = "b-1." + kafka.Domain + ":" + kafka.ClientPort

// start runs the engines for the tasks of all environments.
func start(t *testing.T, all []task) platform {
	t.Helper()
	var hosts []string
	users, cacheUsers := map[string]string{}, map[string]redis.User{}
	for _, w := range all {
		hosts = append(hosts, w.database, w.standbys, w.cache)
		for _, pool := range pools {
			users[w.application["QUARKUS_DATASOURCE_"+pool.variable+"USERNAME"]] = w.application["QUARKUS_DATASOURCE_"+pool.variable+"PASSWORD"]
		}
		name := w.application["CACHE_USERNAME"]
		cacheUsers[name] = redis.User{Name: name, Access: "on ~* +@all", Password: w.application["CACHE_PASSWORD"]}
	}
	p := platform{
		announced: all[0].cache,
		database:  mysql.Start(t, hosts),
		cache: redis.Start(t, hosts, 1, append(slices.Collect(maps.Values(cacheUsers)), redis.User{Name: "default", Access: "off", Password: "nobody"}),
			map[string]string{"cluster-enabled": "yes", "cluster-announce-hostname": all[0].cache, "cluster-preferred-endpoint-type": "hostname"}),
		brokers: kafka.Start(t, 1, "allow.everyone.if.no.acl.found=false\ndefault.replication.factor=1\nauto.create.topics.enable=false"),
	}
	admin := p.brokers.Admin(t)
	for name, password := range users {
		quoted := strings.NewReplacer("'", "''", `\`, `\\`).Replace(password)
		for _, statement := range []string{
			"CREATE USER " + name + " IDENTIFIED BY '" + quoted + "' REQUIRE SSL",
			"GRANT SELECT, INSERT, UPDATE, DELETE ON wallet.* TO " + name,
		} {
			_, err := p.database.Open(t).ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
	}
	_, err := admin.CreateTopic(t.Context(), 1, 1, nil, "wallet-events")
	require.NoError(t, err)
	for _, w := range all {
		p.brokers.AddUser(t, w.application["BROKER_USERNAME"], w.application["BROKER_PASSWORD"])
		_, err := admin.CreateACLs(t.Context(), kadm.NewACLs().Allow("User:"+w.application["BROKER_USERNAME"]).Topics("wallet-events").
			ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpWrite))
		require.NoError(t, err)
	}
	return p
}

// process is the application of a task in a network that leads to the engines.
func (p platform) process(t *testing.T, w task) process {
	t.Helper()
	authority, err := os.ReadFile(p.database.Authority.File)
	require.NoError(t, err)
	places := map[string]string{}
	for _, host := range []string{w.database, w.standbys, imposter} {
		places[net.JoinHostPort(host, "3306")] = "127.0.0.1:" + p.database.Port
	}
	for _, host := range []string{w.cache, imposter} {
		places[net.JoinHostPort(host, "6379")] = "127.0.0.1:" + p.cache.Nodes[0].Port
	}
	for _, host := range []string{p.brokers.Brokers[0].Host, imposter} {
		places[net.JoinHostPort(host, kafka.ClientPort)] = p.brokers.Brokers[0].Address()
	}
	// A JVM trusts Amazon's public authorities, which sign for the cache and the brokers.
	trusted := p.cache.Authority.Pool.Clone()
	content, err := os.ReadFile(p.brokers.Authority.File)
	require.NoError(t, err)
	require.True(t, trusted.AppendCertsFromPEM(content))
	// What the cache says of its node leads to it as well.
	places[net.JoinHostPort(p.announced, p.cache.Nodes[0].Port)] = "127.0.0.1:" + p.cache.Nodes[0].Port
	return process{settings: maps.Clone(w.application), files: w.files(t, string(authority)), trusted: trusted, network: network{places: places, dialed: &[]string{}}}
}

// without starts the part of the application that a variable is for, changed.
func (p platform) without(t *testing.T, w task, variable string, change func(*process)) error {
	t.Helper()
	application := p.process(t, w)
	change(&application)
	return application.part(variable)(t.Context())
}

// each runs a test for every task definition of every environment.
func each(t *testing.T, test func(*testing.T, platform, task)) {
	t.Helper()
	engines.Want(t, "MySQL, Redis and Kafka")
	var all []task
	for _, environment := range []string{"staging", "production"} {
		all = append(all, tasks(t, environment, bootstrap)...)
	}
	p := start(t, all)
	for _, w := range all {
		t.Run(w.stack.Name, func(t *testing.T) { test(t, p, w) })
	}
}

func TestWhatATaskIsToldLeadsToTheEngines(t *testing.T) {
	each(t, func(t *testing.T, p platform, w task) {
		t.Run("it connects to all three, and to the right ends of the database", func(t *testing.T) {
			application := p.process(t, w)
			for _, part := range []func(context.Context) error{application.databases, application.cache, application.events} {
				require.NoError(t, part(t.Context()))
			}
			dialed := *application.network.dialed
			assert.Equal(t, []string{w.database + ":3306", w.database + ":3306", w.standbys + ":3306"}, dialed[:3], "default, write, read")
		})
		t.Run("every variable of docs/APPLICATION.md means what it is for", func(t *testing.T) {
			for _, name := range engines.Contract(t, "variable") {
				_, told := w.application[name]
				assert.True(t, told, "%s is missing", name)
			}
			assert.Empty(t, w.application.check())
			_, port, _ := strings.Cut(w.application["QUARKUS_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"], "localhost:")
			assert.Contains(t, w.collector, `"grpc":{"endpoint":"127.0.0.1:`+port+`"}`, "the collector beside it listens elsewhere")
		})
		t.Run("without one of them it does not start", func(t *testing.T) { withoutOne(t, p, w) })
		t.Run("a wrong one is a clear failure", func(t *testing.T) { wrong(t, p, w) })
	})
}

// withoutOne takes each variable and secret away, and those that no connection needs.
func withoutOne(t *testing.T, p platform, w task) {
	t.Helper()
	names := append(engines.Contract(t, "variable"), engines.Contract(t, "secret")...)
	for _, name := range connects(names) {
		assert.ErrorContains(t, p.without(t, w, name, func(application *process) { delete(application.settings, name) }), name)
	}
	for name := range meanings {
		assert.Contains(t, names, name, "the application has a variable that its page does not name")
		less := maps.Clone(w.application)
		delete(less, name)
		assert.Len(t, less.check(), 1, name)
	}
}

// wrong changes one setting at a time.
func wrong(t *testing.T, p platform, w task) {
	t.Helper()
	const stranger = "certificate signed by unknown authority"
	for what, attempt := range map[string]struct {
		variable, old, new string // without old, the whole value
		says               string
	}{
		"the database's password":       {"QUARKUS_DATASOURCE_PASSWORD", "", "wrong", "Access denied for user"},
		"the readers' password":         {"QUARKUS_DATASOURCE_READ_PASSWORD", "", "wrong", "READ_REACTIVE_URL: Error 1045"},
		"the database's name":           {"QUARKUS_DATASOURCE_REACTIVE_URL", "/wallet", "/mysql", "Access denied"},
		"the database's port":           {"QUARKUS_DATASOURCE_WRITE_REACTIVE_URL", ":3306", ":3307", "nobody answers at"},
		"somebody else's database":      {"QUARKUS_DATASOURCE_REACTIVE_URL", w.database, imposter, "not " + imposter},
		"a database of any certificate": {"JAVA_OPTS_APPEND", "ssl-mode=verify-identity", "ssl-mode=required", "want verify-identity"},
		"a database of any name":        {"JAVA_OPTS_APPEND", "read.reactive.hostname-verification-algorithm=HTTPS", "x=y", "is missing"},
		"the cache's password":          {"CACHE_PASSWORD", "", "wrong", "WRONGPASS"},
		"the cache's user":              {"CACHE_USERNAME", "", "default", "WRONGPASS"},
		"somebody else's cache":         {"CACHE_HOST", "", imposter, "not " + imposter},
		"a cache without TLS":           {"QUARKUS_REDIS_HOSTS", "rediss:", "redis:", "the cache of QUARKUS_REDIS_HOSTS"},
		"an expression of no variable":  {"QUARKUS_REDIS_HOSTS", "${CACHE_HOST}", "${CACHE_ADDRESS}", "CACHE_ADDRESS is missing"},
		"the brokers' password":         {"BROKER_PASSWORD", "", "wrong", "SASL_AUTHENTICATION_FAILED"},
		"the brokers' user":             {"BROKER_USERNAME", "", "admin", "SASL_AUTHENTICATION_FAILED"},
		"somebody else's brokers":       {"KAFKA_BOOTSTRAP_SERVERS", "", imposter + ":" + kafka.ClientPort, "not " + imposter},
		"the port of the IAM listener":  {"KAFKA_BOOTSTRAP_SERVERS", "9096", "9098", "nobody answers at"},
		"another mechanism":             {"KAFKA_SASL_MECHANISM", "", "SCRAM-SHA-256", "UNSUPPORTED_SASL_MECHANISM"},
		"brokers without TLS":           {"KAFKA_SECURITY_PROTOCOL", "", "SASL_PLAINTEXT", "the brokers of KAFKA_BOOTSTRAP_SERVERS"},
		"an expression that CDK ate":    {"KAFKA_SASL_JAAS_CONFIG", "${BROKER_PASSWORD}", "", "must be non-empty"},
	} {
		err := p.without(t, w, attempt.variable, func(application *process) {
			value := application.settings[attempt.variable]
			require.Contains(t, value, attempt.old, what)
			application.settings[attempt.variable] = attempt.new
			if attempt.old != "" {
				application.settings[attempt.variable] = strings.ReplaceAll(value, attempt.old, attempt.new)
			}
		})
		assert.ErrorContains(t, err, attempt.says, "%s", what)
		for name, value := range w.application {
			if strings.HasSuffix(name, "_PASSWORD") && err != nil {
				assert.NotContains(t, err.Error(), value, "%s: %s stands in an error", what, name)
			}
		}
	}
	assert.ErrorContains(t, p.without(t, w, "JAVA_OPTS_APPEND", func(application *process) {
		application.files = w.files(t, w.prepare["DATABASE_AUTHORITIES"])
	}), stranger, "Amazon's authorities, which have not signed for this database")
	for _, part := range []string{"QUARKUS_REDIS_HOSTS", "KAFKA_BOOTSTRAP_SERVERS"} {
		assert.ErrorContains(t, p.without(t, w, part, func(application *process) { application.trusted = p.database.Authority.Pool }), stranger, part)
	}
}

func TestExpressionsAreExpandedAsTheLibraryDocumentsThem(t *testing.T) {
	given := settings{"A": "${B}-${C:none}", "B": "b${D}", "D": "d", "OWN": "${OWN}", "E": "${C:${D}}", "OPEN": "${D", "LOST": "x${C}"}
	for name, want := range map[string]string{"A": "bd-none", "D": "d", "E": "d"} {
		value, err := given.get(name)
		require.NoError(t, err)
		assert.Equal(t, want, value)
	}
	for name, want := range map[string]string{"OWN": "in a circle", "OPEN": "no end", "LOST": "C is missing", "C": "C is missing"} {
		_, err := given.get(name)
		assert.ErrorContains(t, err, want, name)
	}
}
