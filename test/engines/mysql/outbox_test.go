package mysql

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
)

// outbox is the measurement of the outbox in a world whose user is made as the stack
// makes it: before the first migration brings the table.
type outbox struct {
	*world
	arn      string // of the user's secret
	function *instance
	alarm    cfn.Object // on the age
}

func newOutbox(t *testing.T) outbox {
	t.Helper()
	w := newWorld(t)
	w.reset(t)
	o := outbox{world: w}
	for arn, properties := range w.users {
		if properties["Table"] != nil {
			o.arn = arn
		}
	}
	maker := w.user.start(t)
	defer maker.kill()
	status, reason, err := w.deployUser(t, maker, "Create", o.arn)
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", status, reason)

	measure := newFunction(t, "outbox", "OutboxMeasureFunction", w.Authority, w.URL)
	measure.timeout = 7 * time.Second // of which the function keeps five to say why
	measure.environment = append(measure.environment, "HOST=localhost")
	for _, variable := range measure.environment {
		if name, is := strings.CutPrefix(variable, "SECRET="); is {
			w.secrets[name] = w.secrets[o.arn] // which the function knows by its name
		}
	}
	o.function = measure.start(t)
	for _, stack := range engines.Stacks(t, "production") {
		for _, alarm := range stack.Template.OfType("AWS::CloudWatch::Alarm") {
			if alarm.Properties["AlarmName"] == "wallet-production-outbox-age" {
				o.alarm = alarm.Properties
			}
		}
	}
	require.NotNil(t, o.alarm)
	return o
}

// emf is a line of the embedded metric format ("Specification: Embedded metric format",
// CloudWatch user guide).
type emf struct {
	AWS struct {
		CloudWatchMetrics []struct {
			Namespace  string
			Dimensions [][]string
			Metrics    []struct{ Name, Unit string }
		}
	} `json:"_aws"`
}

// published are the values of a line, as CloudWatch takes them from it, by the name and
// the unit of their metric. Of the age it wants what the alarm reads.
func (o outbox) published(t *testing.T, line string) map[string]float64 {
	t.Helper()
	var form emf
	values := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(line), &form))
	require.NoError(t, json.Unmarshal([]byte(line), &values))
	require.Len(t, form.AWS.CloudWatchMetrics, 1)
	directive := form.AWS.CloudWatchMetrics[0]
	require.Equal(t, o.alarm["Namespace"], directive.Namespace)
	require.Len(t, directive.Dimensions, 1)
	var dimensions []any
	for _, name := range directive.Dimensions[0] {
		dimensions = append(dimensions, cfn.Object{"Name": name, "Value": values[name]})
	}
	require.Equal(t, o.alarm["Dimensions"], dimensions)
	found, names := map[string]float64{}, []any{}
	for _, metric := range directive.Metrics {
		value, is := values[metric.Name].(float64)
		require.True(t, is, metric.Name)
		found[metric.Unit] = value
		names = append(names, metric.Name)
	}
	require.Contains(t, names, o.alarm["MetricName"])
	return found
}

// measure runs the function, and returns what it wrote.
func (o outbox) measure(t *testing.T) (map[string]float64, error) {
	t.Helper()
	before := len(o.function.said.String())
	line := func() string {
		for line := range strings.Lines(o.function.said.String()[before:]) {
			if strings.Contains(line, `"_aws"`) && strings.HasSuffix(line, "\n") {
				return line
			}
		}
		return ""
	}
	if err := o.function.call(t, map[string]any{}); err != nil {
		time.Sleep(100 * time.Millisecond) // what it writes comes by a pipe
		require.Empty(t, line(), "a measurement that failed was published")
		return nil, err
	}
	require.Eventually(t, func() bool { return line() != "" }, 10*time.Second, 10*time.Millisecond, "nothing was published and nobody knows why")
	return o.published(t, line()), nil
}

// examined are the rows that the server has looked at for the function's user.
func (o outbox) examined(t *testing.T) (rows int) {
	t.Helper()
	require.Eventually(t, func() bool { // the server counts a statement after its answer
		return nil == o.owner.QueryRowContext(t.Context(),
			"SELECT SUM_ROWS_EXAMINED FROM performance_schema.events_statements_summary_by_digest WHERE DIGEST_TEXT LIKE 'SELECT%outbox_events%MIN%'").Scan(&rows)
	}, 10*time.Second, 10*time.Millisecond, "the function has asked nothing")
	execute(t, o.owner, "TRUNCATE performance_schema.events_statements_summary_by_digest")
	return rows
}

func TestTheOutboxIsMeasured(t *testing.T) {
	o := newOutbox(t)
	_, err := o.measure(t)
	require.ErrorContains(t, err, "MySQL error 1146", "no table is not an empty one")
	newRelease(t, o.Server, "r1", nil).migrate(t, "none")
	for _, part := range []struct {
		name string
		test func(*testing.T, outbox)
	}{
		{"its user reads the one table and nothing else", readsOneTable},
		{"empty is zero", measuresNothing},
		{"30,000 events are counted whatever was published before, and the oldest's age is right", measuresABacklog},
		{"a table behind a lock is not measured", waitsForNoLock},
		{"a rotation is followed", followsARotation},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, o) })
	}
}

func readsOneTable(t *testing.T, o outbox) {
	assert.Equal(t, []string{
		"GRANT USAGE ON *.* TO `wallet_outbox`@`%`",
		"GRANT SELECT ON `wallet`.`outbox_events` TO `wallet_outbox`@`%`",
	}, o.grants(t, "wallet_outbox"))
	fields := o.secrets[o.arn].of(current)
	db := o.OpenAs(t, fields["username"], fields["password"])
	_, err := db.ExecContext(t.Context(), "SELECT COUNT(*) FROM outbox_events")
	require.NoError(t, err)
	// ER_TABLEACCESS_DENIED_ERROR, ER_DBACCESS_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
	// (MySQL, Server Error Message Reference).
	want := []uint16{1142, 1044, 1227}
	for _, statement := range []string{
		"SELECT * FROM wallets", "SELECT * FROM transaction", "SELECT * FROM mysql.user", "INSERT INTO outbox_events (id) VALUES ('x')",
		"UPDATE outbox_events SET processed_at = NOW(6)", "DELETE FROM outbox_events", "SELECT * FROM outbox_events FOR UPDATE", "DROP TABLE outbox_events",
		"CREATE TABLE x (id INT)", "CREATE TABLE wallet.outbox_events (id INT)", "ALTER TABLE outbox_events ADD COLUMN x INT", "CREATE DATABASE x",
		"LOCK TABLES outbox_events READ", "CREATE USER x", "SET GLOBAL max_connections = 1",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		assert.True(t, slices.Contains(want, number(err)), "%s: want it refused for want of a right, got %v", statement, err)
	}
}

func measuresNothing(t *testing.T, o outbox) {
	found, err := o.measure(t)
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"Count": 0, "Seconds": 0}, found)
}

func measuresABacklog(t *testing.T, o outbox) {
	const waiting = 30_000
	since := time.Now().UTC().Add(-time.Hour)
	insert(t, o.owner, "waiting", waiting, since)
	execute(t, o.owner, "UPDATE outbox_events SET processed_at = NULL")
	execute(t, o.owner, "ANALYZE TABLE outbox_events")
	o.examined(t)
	check := func() {
		t.Helper()
		found, err := o.measure(t)
		require.NoError(t, err)
		assert.EqualValues(t, waiting, found["Count"])
		assert.InDelta(t, time.Since(since).Seconds(), found["Seconds"], 5)
	}
	check()
	alone := o.examined(t)
	for _, name := range []string{"p1", "p2", "p3"} {
		insert(t, o.owner, name, 100_000, since.Add(-24*time.Hour))
	}
	execute(t, o.owner, "ANALYZE TABLE outbox_events")
	check()
	assert.Equal(t, alone, o.examined(t), "the query reads what was published: no index serves it")
}

func waitsForNoLock(t *testing.T, o outbox) {
	session := o.Session(t)
	execute(t, session, "LOCK TABLES outbox_events WRITE")
	_, err := o.measure(t)
	execute(t, session, "UNLOCK TABLES")
	require.ErrorContains(t, err, "the outbox is not measured")
	_, err = o.measure(t)
	require.NoError(t, err)
}

// The password changes in place, by its own user.
func followsARotation(t *testing.T, o outbox) {
	before := o.secrets[o.arn].of(current)["password"]
	require.NoError(t, o.rotateOnce(t, o.arn))
	assert.NotEqual(t, before, o.secrets[o.arn].of(current)["password"])
	assert.NoError(t, o.logsIn(t, o.arn, current))
	assert.EqualValues(t, 1045, number(o.logsIn(t, o.arn, previous)), "the old password still opens the database")
	_, err := o.measure(t)
	require.NoError(t, err)
}
