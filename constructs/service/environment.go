package service

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"

	"wallet-infra/config"
	"wallet-infra/constructs/value"
)

// caBundlePath is where the preparation of the task leaves the certificates
// that the database's is checked against.
const caBundlePath = scratchPath + "/database-authorities.pem"

// datasources are the application's connection pools: the part of the variables'
// and of the properties' names that tells them apart.
var datasources = []struct {
	variable, property string
	reader, works      bool
}{
	{variable: "", property: "", works: true},
	{variable: "WRITE_", property: "write."},
	{variable: "READ_", property: "read.", reader: true},
}

// environment is everything that the application is told in plain text. A
// ${NAME} in a value is expanded by the application (SmallRye Config) from the
// environment variable, which holds a secret, so that the secret itself is in no
// template.
func environment(props Props) *map[string]*string {
	all := map[string]string{}
	for _, part := range []map[string]string{
		runtimeEnvironment(props),
		databaseEnvironment(props),
		cacheEnvironment(props),
		kafkaEnvironment(props),
		telemetryEnvironment(props),
	} {
		maps.Copy(all, part)
	}
	variables := map[string]*string{}
	for name, value := range all {
		variables[name] = new(value)
	}
	return &variables
}

// runtimeEnvironment is for the JVM and for Quarkus itself.
func runtimeEnvironment(props Props) map[string]string {
	return map[string]string{
		"JAVA_OPTS_APPEND":   strings.Join(javaOptions(), " "),
		"JAVA_MAX_MEM_RATIO": strconv.Itoa(props.Service.HeapPercent),
		// In effect once the image has Quarkus's JSON logging extension; it is
		// ignored until then.
		"QUARKUS_LOG_CONSOLE_JSON": "true",
		// The image logs every command at debug level, amounts and owners included.
		"QUARKUS_LOG_CATEGORY__COM_WALLET__LEVEL": "INFO",
		// The load balancer ends TLS: without them the application answers with
		// addresses of http://. It never sends Forwarded or X-Forwarded-Host, which a
		// client could choose, and Quarkus believes neither unless it is told to.
		"QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING": "true",
		"QUARKUS_HTTP_PROXY_ALLOW_X_FORWARDED":        "true",
		// Requests in flight may finish for as long as the load balancer waits.
		"QUARKUS_SHUTDOWN_TIMEOUT": seconds(props.ShutdownTimeout.Seconds()),
	}
}

// javaOptions are system properties: the two that the image sets itself, which
// this variable replaces, and the TLS of the named datasources. A property of a
// named datasource that the application's own file does not mention has no
// certain spelling as an environment variable; as a system property it has.
func javaOptions() []string {
	options := []string{
		"-Dquarkus.http.host=0.0.0.0",
		"-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
	}
	for _, source := range datasources {
		prefix := "-Dquarkus.datasource." + source.property + "reactive."
		options = append(options,
			prefix+"mysql.ssl-mode=verify-identity",
			prefix+"hostname-verification-algorithm=HTTPS",
			prefix+"trust-certificate-pem=true",
			prefix+"trust-certificate-pem.certs="+caBundlePath,
		)
	}
	return options
}

// databaseEnvironment points the pool that does all the work at the writer, and
// "read" at the readers, which get no query from it but health checks until the
// service routes reads (docs/APPLICATION.md).
func databaseEnvironment(props Props) map[string]string {
	variables := map[string]string{
		// The migrations own the schema; the service's user could not change it.
		"QUARKUS_HIBERNATE_ORM_DATABASE_GENERATION": "none",
		"QUARKUS_HIBERNATE_ORM_LOG_SQL":             "false",
	}
	for _, source := range datasources {
		host, size := props.Database.Writer, config.NamedPoolSize
		if source.reader {
			host = props.Database.Reader
		}
		if source.works {
			size = props.Service.DatabasePoolSize
		}
		prefix := "QUARKUS_DATASOURCE_" + source.variable + "REACTIVE_"
		variables[prefix+"URL"] = fmt.Sprintf("mysql://%s:%d/%s", host, config.MySQLPort, config.DatabaseName)
		variables[prefix+"MAX_SIZE"] = strconv.Itoa(size)
	}
	return variables
}

// cacheEnvironment bounds what a slow cache can cost: the application works
// without it.
func cacheEnvironment(props Props) map[string]string {
	variables := map[string]string{
		// Alone, because CloudFormation cannot replace a name in a text that also
		// asks another stack for its output.
		"CACHE_HOST":                  props.Cache.Host,
		"QUARKUS_REDIS_HOSTS":         deferred(fmt.Sprintf("rediss://${CACHE_USERNAME}:${CACHE_PASSWORD}@${CACHE_HOST}:%d", config.CachePort)),
		"QUARKUS_REDIS_TIMEOUT":       "1S",
		"QUARKUS_REDIS_MAX_POOL_SIZE": strconv.Itoa(config.CachePoolSize),
	}
	if props.Cache.ClusterMode() {
		variables["QUARKUS_REDIS_CLIENT_TYPE"] = "cluster"
	}
	return variables
}

// kafkaEnvironment is for the Kafka client: Quarkus hands it every variable that
// starts with KAFKA_, which is why the two secrets start otherwise.
func kafkaEnvironment(props Props) map[string]string {
	return map[string]string{
		"KAFKA_BOOTSTRAP_SERVERS": props.Kafka.Bootstrap,
		"KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
		"KAFKA_SASL_MECHANISM":    "SCRAM-SHA-512",
		"KAFKA_SASL_JAAS_CONFIG": deferred("org.apache.kafka.common.security.scram.ScramLoginModule required " +
			`username="${BROKER_USERNAME}" password="${BROKER_PASSWORD}";`),
	}
}

// telemetryEnvironment sends traces to the collector beside the application.
func telemetryEnvironment(props Props) map[string]string {
	return map[string]string{
		"QUARKUS_OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": fmt.Sprintf("http://localhost:%d", otlpPort),
		"QUARKUS_OTEL_SERVICE_NAME":                  props.Names.ServiceName(),
		"QUARKUS_OTEL_TRACES_SAMPLER_ARG":            strconv.FormatFloat(props.Service.TraceSampleRatio, 'f', -1, 64),
		"QUARKUS_OTEL_RESOURCE_ATTRIBUTES": fmt.Sprintf("service.name=%s,service.version=%s,deployment.environment=%s",
			props.Names.ServiceName(), props.ImageTag, props.Names.Environment()),
	}
}

// deferred keeps CloudFormation, and its linters, from taking the application's
// ${NAME} for their own, which they would write in the same way.
func deferred(text string) string {
	return *value.Once("sub "+text, func() *string { return awscdk.Fn_Sub(new(strings.ReplaceAll(text, "${", "${!")), nil) })
}

// seconds writes a duration as Quarkus reads it.
func seconds(n float64) string { return strconv.FormatFloat(n, 'f', 0, 64) + "S" }
