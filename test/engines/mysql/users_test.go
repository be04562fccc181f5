package mysql

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
	"wallet-infra/test/engines/mysql/server"
)

// world is production's database, its secrets and the functions of its users, which
// reach the database by a proxy.
type world struct {
	server.Server
	*cloud
	owner            *sql.Conn
	port             string                    // of the proxy
	users            map[string]map[string]any // the properties of each Custom::DatabaseUser, by the ARN of its secret
	adminARN, appARN string
	fields           map[string]map[string]any // of the secrets as they are made, by their ARN
	admin, app       map[string]any
	user, rotation   function
}

// newWorld reads the templates and starts all.
func newWorld(t *testing.T) *world {
	t.Helper()
	engines.Want(t, "mysqld")
	const environment = "production"
	w := &world{Server: server.Start(t, []string{"localhost"}, server.Arguments(server.Parameters(t, environment))...), cloud: newCloud(t)}
	w.port = w.proxy(t, w.Port)
	w.owner = w.Session(t)
	stack, _ := engines.Resource(t, engines.Stacks(t, environment), "Data", "AWS::RDS::DBCluster")
	resolver := cfn.Resolver{Attribute: reference}
	w.users, w.fields = map[string]map[string]any{}, map[string]map[string]any{}
	for _, made := range stack.Template.OfType("Custom::DatabaseUser") {
		properties, ok := resolver.Resolve(stack, made.Properties).(map[string]any)
		require.True(t, ok)
		secret, named := properties["AppSecret"].(string)
		require.Truef(t, named, "the secret of %v", properties)
		w.users[secret] = properties
		if properties["Table"] == nil {
			w.adminARN, w.appARN = fmt.Sprint(properties["AdminSecret"]), secret
		}
	}
	for _, secret := range stack.Template.OfType("AWS::SecretsManager::Secret") {
		generated, ok := secret.Properties["GenerateSecretString"].(map[string]any)
		require.True(t, ok, secret.ID)
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(resolver.Text(stack, generated["SecretStringTemplate"])), &fields))
		if secret.ID == w.adminARN || w.users[secret.ID] != nil {
			w.fields[secret.ID] = fields
		}
	}
	w.admin, w.app = w.fields[w.adminARN], w.fields[w.appARN]
	w.user = newFunction(t, "dbuser", "DatabaseUserFunction", w.Authority, w.URL)
	w.rotation = newFunction(t, "dbrotation", "DatabaseRotationFunction", w.Authority, w.URL)
	return w
}

// reference is what Ref returns: a secret's ARN, for which its logical ID stands here,
// also of its attachment to the database.
func reference(_ cfn.Stack, of cfn.Resource, _ string, resolve func(any) any) (any, bool) {
	if of.Type == "AWS::SecretsManager::SecretTargetAttachment" {
		return resolve(of.Properties["SecretId"]), true
	}
	return of.ID, true
}

// content is a secret after the attachment added where the database is (Secrets Manager
// user guide, "JSON structure of AWS Secrets Manager database credential secrets").
func (w *world) content(fields map[string]any, change map[string]any) string {
	all := map[string]any{"host": "localhost", "port": json.Number(w.port)}
	for _, each := range []map[string]any{fields, change} {
		for name, value := range each {
			all[name] = value
		}
	}
	content, err := json.Marshal(all)
	if err != nil {
		panic(err) // of texts
	}
	return string(content)
}

// reset leaves a database with an administrator and nothing else, as after the cluster's
// creation.
func (w *world) reset(t *testing.T) {
	t.Helper()
	w.arm(0, nil)
	admin := w.admin["username"]
	w.secrets = map[string]*secret{}
	for arn, fields := range w.fields {
		execute(t, w.owner, "DROP USER IF EXISTS ?@'%', ?@'%'", fields["username"], fmt.Sprint(fields["username"])+"_clone")
		password := "app-first"
		if arn == w.adminARN {
			password = "admin-first"
		}
		w.secrets[arn] = &secret{versions: map[string]*version{"first": {
			content: w.content(fields, map[string]any{"password": password}), stages: []string{current}, created: time.Now().Add(-time.Hour),
		}}}
	}
	execute(t, w.owner, "CREATE USER ?@'%' IDENTIFIED BY 'admin-first'", admin)
	execute(t, w.owner, "GRANT "+server.Privileges+" ON *.* TO ?@'%' WITH GRANT OPTION", admin)
	w.tasks, w.told = nil, nil
}

// deploy lets CloudFormation create or update the application's user, and returns what it
// is answered.
func (w *world) deploy(t *testing.T, function *instance, request string) (status, reason string, err error) {
	t.Helper()
	return w.deployUser(t, function, request, w.appARN)
}

// deployUser does so with the user of a secret.
func (w *world) deployUser(t *testing.T, function *instance, request, arn string) (status, reason string, err error) {
	t.Helper()
	answered := make(chan map[string]any, 1)
	formation := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var answer map[string]any
		content, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(content, &answer)
		answered <- answer
	}))
	defer formation.Close()
	err = function.call(t, map[string]any{
		"RequestType": request, "ResponseURL": formation.URL, "StackId": "stack", "RequestId": "1", "LogicalResourceId": "DatabaseAppUser",
		"ResourceType": "Custom::DatabaseUser", "ResourceProperties": w.users[arn],
	})
	if err != nil {
		return "", "", err
	}
	answer := <-answered
	status, _ = answer["Status"].(string)
	reason, _ = answer["Reason"].(string)
	return status, reason, nil
}

// deployed makes the user, which must succeed.
func (w *world) deployed(t *testing.T) {
	t.Helper()
	function := w.user.start(t)
	defer function.kill()
	status, reason, err := w.deploy(t, function, "Create")
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", status, reason)
}

// logsIn tells how the server answers the user of a secret's version.
func (w *world) logsIn(t *testing.T, arn, stage string) error {
	t.Helper()
	fields := w.secrets[arn].of(stage)
	require.NotEmpty(t, fields["username"], "no version %s", stage)
	db := w.OpenAs(t, fields["username"], fields["password"])
	defer db.Close()
	return db.PingContext(t.Context())
}

// grants are what the server says that a user may do.
func (w *world) grants(t *testing.T, user any) []string {
	t.Helper()
	rows, err := w.owner.QueryContext(t.Context(), "SHOW GRANTS FOR ?@'%'", user)
	require.NoError(t, err)
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(t, rows.Err())
	return all
}

// number is the server's number of a refusal, or 0.
func number(err error) uint16 {
	var refused *driver.MySQLError
	if errors.As(err, &refused) {
		return refused.Number
	}
	return 0
}

func TestTheDatabasesUsers(t *testing.T) {
	w := newWorld(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *world)
	}{
		{"the server takes the parameter groups' values", takesTheParameters},
		{"the application's user is made with exactly its grants", makesTheUser},
		{"the application reads and changes rows and does nothing else", doesItsWorkAlone},
		{"making the user again changes no password and serves both alternates", makesItAgain},
		{"making the user is completed after an end at any point", makesItAfterAnEnd},
		{"a rotation of the application's goes step by step, and tasks stay logged in", rotatesTheApplication},
		{"a user that a task may hold is not taken", takesNoUserInUse},
		{"the administrator's own password is rotated", rotatesTheAdministrator},
		{"a rotation is completed after an end at any point", rotatesAfterAnEnd},
		{"a server of another authority gets no password", provesItsAuthority},
		{"nobody is let in without TLS", refusesPlainText},
	} {
		t.Run(part.name, func(t *testing.T) {
			w.reset(t)
			part.test(t, w)
		})
	}
}

// What this server does not know is listed, and nothing else is left out.
func takesTheParameters(t *testing.T, w *world) {
	for name, want := range server.Parameters(t, "production") {
		var now string
		err := w.owner.QueryRowContext(t.Context(), "SELECT @@global."+name).Scan(&now)
		if why := server.NotShown[name]; why != "" {
			t.Logf("not shown here: %s = %s (%s)", name, want, why)
			assert.NotEqual(t, want, now, "%s is shown here", name)
			continue
		}
		require.NoError(t, err, "%s: the server does not know it", name)
		assert.Equal(t, plain(want), plain(now), name)
	}
}

// plain is a value in one of the forms in which it can be said.
func plain(value string) string {
	if number, err := strconv.ParseFloat(value, 64); err == nil {
		return strconv.FormatFloat(number, 'g', -1, 64)
	}
	return strings.NewReplacer("ON", "1", "OFF", "0").Replace(value)
}

// The application changes rows and no schema (shared seed; docs/SECURITY.md), over TLS
// alone, also where somebody relaxes the cluster's rule.
func makesTheUser(t *testing.T, w *world) {
	w.deployed(t)
	user := w.app["username"]
	assert.Equal(t, []string{
		"GRANT USAGE ON *.* TO `wallet_app`@`%`",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON `wallet`.* TO `wallet_app`@`%`",
	}, w.grants(t, user))
	var tls string
	require.NoError(t, w.owner.QueryRowContext(t.Context(), "SELECT ssl_type FROM mysql.user WHERE user = ?", user).Scan(&tls))
	assert.Equal(t, "ANY", tls, "the user is let in without TLS where the cluster's rule is relaxed")
	assert.NoError(t, w.logsIn(t, w.appARN, current))
}

func doesItsWorkAlone(t *testing.T, w *world) {
	w.deployed(t)
	newRelease(t, w.Server, "r1", nil).migrate(t, "none")
	execute(t, w.owner, "DROP DATABASE IF EXISTS elsewhere")
	execute(t, w.owner, "CREATE DATABASE elsewhere")
	execute(t, w.owner, "CREATE TABLE elsewhere.rows_ (id INT)")
	fields := w.secrets[w.appARN].of(current)
	db := w.OpenAs(t, fields["username"], fields["password"])
	for _, statement := range []string{
		"INSERT INTO wallets VALUES ('g', 'u', 1, 'ACTIVE', NOW(6), NOW(6))", "SELECT * FROM wallets WHERE id = 'g' FOR UPDATE",
		"UPDATE wallets SET balance = 2 WHERE id = 'g'", "DELETE FROM wallets WHERE id = 'g'", "SELECT COUNT(*) FROM outbox_events",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		assert.NoError(t, err, "%s", statement)
	}
	// ER_TABLEACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR,
	// ER_ACCESS_DENIED_ERROR, ER_KILL_DENIED_ERROR (MySQL, Server Error Message Reference).
	want := []uint16{1142, 1044, 1227, 1045, 1095}
	var session string // somebody else's
	require.NoError(t, w.owner.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&session))
	for _, statement := range []string{
		"DROP TABLE wallets", "TRUNCATE wallets", "ALTER TABLE wallets ADD COLUMN x INT", "CREATE TABLE x (id INT)", "CREATE INDEX x ON wallets (status)",
		"CREATE VIEW x AS SELECT 1", "CREATE TRIGGER x BEFORE INSERT ON wallets FOR EACH ROW SET @x = 1", "CREATE PROCEDURE x() SELECT 1",
		"LOCK TABLES wallets WRITE", "DROP DATABASE wallet", "CREATE DATABASE x", "SELECT * FROM elsewhere.rows_", "DELETE FROM elsewhere.rows_",
		"SELECT * FROM mysql.user", "GRANT SELECT ON wallet.* TO wallet_app@'%'", "CREATE USER x", "DROP USER owner", "SET PASSWORD FOR owner = 'x'",
		"SELECT 1 INTO OUTFILE '/tmp/x'", "LOAD DATA INFILE '/tmp/x' INTO TABLE wallets", "SET GLOBAL max_connections = 1", "KILL " + session, "FLUSH TABLES",
		"SHUTDOWN", "SHOW MASTER STATUS",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		assert.True(t, slices.Contains(want, number(err)), "%s: want it refused for want of a right, got %v", statement, err)
	}
	rows, err := db.QueryContext(t.Context(), "SHOW DATABASES")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		assert.Contains(t, []string{"information_schema", "wallet"}, name, "a schema that is not the application's")
	}
	require.NoError(t, rows.Err())
}

func makesItAgain(t *testing.T, w *world) {
	w.deployed(t)
	require.NoError(t, w.rotateOnce(t, w.appARN))
	execute(t, w.owner, "REVOKE DELETE ON wallet.* FROM wallet_app_clone@'%'")
	function := w.user.start(t)
	defer function.kill()
	status, reason, err := w.deploy(t, function, "Update")
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", status, reason)
	assert.NoError(t, w.logsIn(t, w.appARN, current))
	assert.NoError(t, w.logsIn(t, w.appARN, previous), "tasks that run")
	for _, user := range []string{"wallet_app", "wallet_app_clone"} {
		assert.Contains(t, w.grants(t, user), "GRANT SELECT, INSERT, UPDATE, DELETE ON `wallet`.* TO `"+user+"`@`%`")
	}
	status, _, err = w.deploy(t, function, "Delete")
	require.NoError(t, err)
	assert.Equal(t, "SUCCESS", status)
	assert.NoError(t, w.logsIn(t, w.appARN, current), "the user went with its resource, and the service with it")
}

func makesItAfterAnEnd(t *testing.T, w *world) {
	for last := 1; ; last++ {
		w.reset(t)
		function := w.user.start(t)
		w.arm(last, function.kill)
		_, _, err := w.deploy(t, function, "Create")
		what := w.reached()
		if err == nil { // nothing was left to ask for, or goodbye
			assert.Greater(t, last, 8, "what making the user asks for")
			return
		}
		require.ErrorIs(t, err, errKilled)
		w.arm(0, nil)
		w.deployed(t)
		assert.NoError(t, w.logsIn(t, w.appARN, current), "after an end at %d (%s)", last, what)
		assert.Len(t, w.grants(t, "wallet_app"), 2)
	}
}

// rotateOnce does what Secrets Manager does: the four steps, until one fails.
func (w *world) rotateOnce(t *testing.T, arn string) error {
	t.Helper()
	function := w.rotation.start(t)
	defer function.kill()
	return w.steps(t, function, arn, w.secrets[arn].rotate())
}

func (w *world) steps(t *testing.T, function *instance, arn, token string) error {
	t.Helper()
	for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if err := function.call(t, map[string]any{"Step": step, "SecretId": arn, "ClientRequestToken": token}); err != nil {
			return err
		}
	}
	w.secrets[arn].rotated = new(time.Now())
	return nil
}

func rotatesTheApplication(t *testing.T, w *world) {
	w.deployed(t)
	w.tasks = []time.Time{time.Now().Add(-time.Minute)}
	rotating := w.secrets[w.appARN]
	token := rotating.rotate()
	function := w.rotation.start(t)
	defer function.kill()
	do := func(step string) {
		t.Helper()
		require.NoError(t, function.call(t, map[string]any{"Step": step, "SecretId": w.appARN, "ClientRequestToken": token}))
		assert.NoError(t, w.logsIn(t, w.appARN, current), "the tasks that run, after %s", step)
	}
	do("createSecret")
	assert.Equal(t, "wallet_app_clone", rotating.of(pending)["username"])
	assert.EqualValues(t, 1045, number(w.logsIn(t, w.appARN, pending)), "the database does not know the new password yet")
	stored := rotating.of(pending)
	do("createSecret")
	assert.Equal(t, stored, rotating.of(pending), "a second password was stored")
	do("setSecret")
	assert.NoError(t, w.logsIn(t, w.appARN, pending), "the database knows the new password")
	do("setSecret")
	do("testSecret")
	do("finishSecret")
	assert.Equal(t, stored, rotating.of(current))
	assert.Equal(t, "wallet_app", rotating.of(previous)["username"])
	assert.NoError(t, w.logsIn(t, w.appARN, previous), "tasks that have not been replaced yet")
	assert.Equal(t, []string{"sa-east-1", "us-east-1"}, w.told, "the regions whose tasks are replaced")
	first := w.grants(t, "wallet_app")
	for i, grant := range w.grants(t, "wallet_app_clone") {
		assert.Equal(t, strings.ReplaceAll(first[i], "wallet_app", "wallet_app_clone"), grant)
	}
}

func takesNoUserInUse(t *testing.T, w *world) {
	w.deployed(t)
	require.NoError(t, w.rotateOnce(t, w.appARN))
	w.tasks = []time.Time{time.Now().Add(-time.Minute)} // from before, with wallet_app
	err := w.rotateOnce(t, w.appARN)
	require.ErrorContains(t, err, "may log in as wallet_app, whose password would change")
	assert.NoError(t, w.logsIn(t, w.appARN, previous), "the task that runs")
	// A deployment, ten minutes later: the other region's copy of the secret has followed.
	w.tasks = []time.Time{time.Now().Add(10 * time.Minute)}
	require.NoError(t, w.rotateOnce(t, w.appARN))
	assert.Equal(t, "wallet_app", w.secrets[w.appARN].of(current)["username"])
	assert.NoError(t, w.logsIn(t, w.appARN, current))
	assert.NoError(t, w.logsIn(t, w.appARN, previous))
}

func rotatesTheAdministrator(t *testing.T, w *world) {
	for range 2 {
		before := w.secrets[w.adminARN].of(current)["password"]
		require.NoError(t, w.rotateOnce(t, w.adminARN))
		assert.NotEqual(t, before, w.secrets[w.adminARN].of(current)["password"])
		assert.NoError(t, w.logsIn(t, w.adminARN, current))
		assert.EqualValues(t, 1045, number(w.logsIn(t, w.adminARN, previous)), "the old password still opens the database")
	}
	assert.Empty(t, w.told, "no task holds the administrator's password")
	w.deployed(t)
}

// Secrets Manager repeats a rotation that failed from its first step on, with the same
// version.
func rotatesAfterAnEnd(t *testing.T, w *world) {
	for _, arn := range []string{w.appARN, w.adminARN} {
		for last := 1; ; last++ {
			w.reset(t)
			execute(t, w.owner, "CREATE USER wallet_app@'%' IDENTIFIED BY 'app-first' REQUIRE SSL")
			execute(t, w.owner, "GRANT SELECT, INSERT, UPDATE, DELETE ON wallet.* TO wallet_app@'%'")
			w.tasks = []time.Time{time.Now().Add(-time.Minute)}
			token := w.secrets[arn].rotate()
			function := w.rotation.start(t)
			w.arm(last, function.kill)
			err := w.steps(t, function, arn, token)
			function.kill()
			what := w.reached()
			if what == "" {
				require.NoError(t, err)
				assert.Greater(t, last, 20, "what a rotation asks for")
				break
			}
			require.ErrorIs(t, err, errKilled)
			w.arm(0, nil)
			if arn == w.appARN {
				require.NoError(t, w.logsIn(t, arn, current), "running tasks are locked out after an end at %d (%s)", last, what)
			}
			again := w.rotation.start(t)
			require.NoError(t, w.steps(t, again, arn, token), "after an end at %d (%s)", last, what)
			again.kill()
			require.NoError(t, w.logsIn(t, arn, current), "after an end at %d (%s)", last, what)
			if arn == w.appARN {
				require.NoError(t, w.logsIn(t, arn, previous), "tasks that run, after an end at %d (%s)", last, what)
				require.Contains(t, w.told, "us-east-1", "no deployment follows after an end at %d (%s)", last, what)
			}
		}
	}
}

// The function as it is deployed trusts the region's authorities alone, which did not
// sign this server.
func provesItsAuthority(t *testing.T, w *world) {
	deployed := newFunction(t, "dbrotation", "DatabaseRotationFunction", nil, w.URL)
	deployed.timeout = 12 * time.Second // of which the function keeps ten to say why
	function := deployed.start(t)
	defer function.kill()
	err := w.steps(t, function, w.adminARN, w.secrets[w.adminARN].rotate())
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	assert.NoError(t, w.logsIn(t, w.adminARN, current))
}

// The administrator's user says nothing of TLS: the cluster's parameter does.
func refusesPlainText(t *testing.T, w *world) {
	settings := driver.NewConfig()
	settings.User, settings.Passwd, settings.Net, settings.Addr = server.Owner, server.Password, "tcp", net.JoinHostPort("127.0.0.1", w.Port)
	settings.Logger = &driver.NopLogger{}
	connector, err := driver.NewConnector(settings)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	defer db.Close()
	const secureTransportRequired = 3159 // ER_SECURE_TRANSPORT_REQUIRED
	assert.EqualValues(t, secureTransportRequired, number(db.PingContext(t.Context())), "a password in plain text")
}
