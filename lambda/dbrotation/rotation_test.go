package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/awsfake"
	"wallet-infra/lambda/internal/walletdb"
)

// server is a MySQL server with users and their passwords: what it knows of SQL is
// what the function says to it.
type server struct {
	passwords map[string]string
	readOnly  bool
	// before is called with each login and statement; an error is what the client gets
	// instead of the answer, and the statement has run if ran says so.
	before func(statement string) (ran bool, err error)
}

// client is a session of one user.
type client struct {
	*server
	user, password string
}

func (c client) Connect(context.Context) (driver.Conn, error) {
	var err error
	if c.before != nil {
		_, err = c.before("login as " + c.user)
	}
	if password, known := c.passwords[c.user]; err == nil && (!known || password != c.password) {
		err = &mysql.MySQLError{Number: 1045}
	}
	return c, err
}

func (c client) Driver() driver.Driver             { return nil }
func (client) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not prepared") }
func (client) Close() error                        { return nil }
func (client) Begin() (driver.Tx, error)           { return nil, errors.New("no transaction") }

func (c client) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return driver.RowsAffected(0), c.run(query, func() error {
		text := func(i int) string { return fmt.Sprint(args[i].Value) }
		switch {
		case c.readOnly:
			return &mysql.MySQLError{Number: 1290}
		case strings.HasPrefix(query, "CREATE USER IF NOT EXISTS"):
			if _, there := c.passwords[text(0)]; !there {
				c.passwords[text(0)] = text(1)
			}
		case strings.HasPrefix(query, "ALTER USER USER()"):
			c.passwords[c.user] = text(0)
		case strings.HasPrefix(query, "ALTER USER"):
			c.passwords[text(0)] = text(1)
		case !strings.HasPrefix(query, "GRANT"):
			return &mysql.MySQLError{Number: 1064}
		}
		return nil
	})
}

func (c client) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	var answer any = int64(1)
	switch query {
	case "SELECT @@innodb_read_only":
		answer = c.readOnly
	case showGrants:
		answer = "GRANT USAGE ON *.* TO `" + fmt.Sprint(args[0].Value) + "`@`%`"
	}
	return &row{value: answer}, c.run(query, func() error { return nil })
}

func (c client) run(statement string, happen func() error) error {
	if c.before != nil {
		if ran, err := c.before(statement); err != nil {
			if ran {
				_ = happen()
			}
			return err
		}
	}
	return happen()
}

// row is a result of one row with one column.
type row struct {
	value any
	read  bool
}

func (*row) Columns() []string { return []string{"v"} }
func (*row) Close() error      { return nil }
func (r *row) Next(into []driver.Value) error {
	if r.read {
		return io.EOF
	}
	into[0], r.read = r.value, true
	return nil
}

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// world is a service of two regions whose password rotated 30 days ago; no task is
// older than that.
type world struct {
	handler
	store       *awsfake.Secrets
	db          *server
	here, there *awsfake.ECS
	buses       [2]*awsfake.Bus
}

func newWorld() *world {
	now := func() time.Time { return noon }
	month := noon.Add(-30 * 24 * time.Hour)
	random := 0
	w := &world{
		store: &awsfake.Secrets{
			Now: now, Random: func() string { random++; return fmt.Sprint("generated-", random) },
			Secrets: map[string]*awsfake.Secret{"admin": admin(), "app": {
				Enabled: new(true), Rotated: new(month),
				Stages:  map[string][]string{"now": {current}, "new": {pending}, "old": {previous}},
				Values:  map[string]string{"now": appNow, "old": cloneNow},
				Created: map[string]time.Time{"now": month.Add(-time.Minute)},
			}},
		},
		db:    &server{passwords: map[string]string{"wallet_admin": "admin-now", "wallet_app": "app-now", "wallet_app_clone": "clone-now"}},
		here:  awsfake.NewECS(now),
		there: awsfake.NewECS(now),
		buses: [2]*awsfake.Bus{{}, {}},
	}
	for _, each := range []*awsfake.ECS{w.here, w.there} {
		each.Run("young", month.Add(time.Hour))
	}
	w.handler = handler{
		secrets: w.store, open: func(c walletdb.Credentials) (*sql.DB, error) {
			return sql.OpenDB(client{w.db, c.Username, c.Password}), nil
		},
		regions: []region{
			{name: "sa-east-1", tasks: w.here, events: w.buses[0]},
			{name: "us-east-1", tasks: w.there, events: w.buses[1], delay: 5 * time.Minute},
		},
		cluster: w.here.Cluster, service: w.here.Service, length: 32, pause: time.Millisecond,
	}
	return w
}

// rotate does the four steps and stops at the first that fails, as Secrets Manager
// does.
func (w *world) rotate(ctx context.Context, secret string) error {
	for _, name := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		if err := w.handle(ctx, step(name, secret)); err != nil {
			return err
		}
	}
	return nil
}

// logsIn tells whether a version of the secret logs in.
func (w *world) logsIn(t *testing.T, secret, stage string) bool {
	value, err := rotation{handler: handler{secrets: &awsfake.Secrets{Secrets: w.store.Secrets}}, secret: secret, token: "new"}.credentials(t.Context(), stage)
	require.NoError(t, err)
	return w.db.passwords[value.Username] == value.Password
}

// interrupt makes the n-th call of AWS or of the database the last one of a run, and
// says which one it was. What is lost has happened.
func (w *world) interrupt(n int, cut func(), happened bool) *string {
	count, what := 0, new(string)
	hit := func(name string) bool {
		count++
		if count-1 == n {
			*what = name
			cut()
			return true
		}
		return false
	}
	fault := awsfake.Throttled
	if happened {
		fault = awsfake.Lost
	}
	remote := func(_ int, operation string) awsfake.Fault {
		if hit(operation) {
			return fault
		}
		return awsfake.None
	}
	w.store.Break, w.here.Break, w.there.Break, w.buses[0].Break, w.buses[1].Break = remote, remote, remote, remote, remote
	w.db.before = func(statement string) (bool, error) {
		if hit(statement) {
			return happened, errors.New("connection reset by peer")
		}
		return false, nil
	}
	return what
}

// After each call the function may be killed, with the call done or not. Whatever
// happened, running tasks log in, no second password is stored, and the repetition by
// Secrets Manager ends the rotation.
func TestAnInterruptedRotationLocksNobodyOutAndIsCompletedByItsRepetition(t *testing.T) {
	for _, secret := range []string{"app", "admin"} {
		for _, happened := range []bool{false, true} {
			for n := 0; ; n++ {
				w := newWorld()
				if secret == "admin" {
					rotating := w.store.Secrets["admin"]
					rotating.Stages["new"], rotating.Created = []string{pending}, map[string]time.Time{}
				}
				ctx, kill := context.WithCancel(t.Context())
				what := w.interrupt(n, kill, happened)
				err := w.rotate(ctx, secret)
				kill()
				if *what == "" {
					require.NoError(t, err)
					assert.Greater(t, n, 15, "the calls of a rotation")
					break
				}
				name := fmt.Sprintf("%s, call %d (%s), done: %v", secret, n, *what, happened)
				t.Logf("%s: labels %v, stored %d, %v", name, w.store.Secrets[secret].Stages, w.store.Count("PutSecretValue"), err)
				if secret == "app" {
					assert.True(t, w.logsIn(t, "app", current), "%s: running tasks are locked out", name)
				}
				require.NoError(t, w.rotate(t.Context(), secret), name)
				assert.Contains(t, w.store.Secrets[secret].Stages["new"], current, name)
				assert.True(t, w.logsIn(t, secret, current), name)
				writes := strings.Join(w.store.Writes, ", ")
				assert.Equal(t, "put new as AWSPENDING, move AWSCURRENT from now to new", writes, name)
				if secret == "app" {
					assert.True(t, w.logsIn(t, "app", previous), "%s: tasks that have not been replaced yet are locked out", name)
					for _, bus := range w.buses {
						assert.NotEmpty(t, bus.Put, "%s: no deployment follows", name)
					}
				}
			}
		}
	}
}

func TestAUserThatARunningTaskHoldsIsNotTaken(t *testing.T) {
	for name, change := range map[string]func(*world){
		"here":                             func(w *world) { w.here.Run("old", noon.Add(-31*24*time.Hour)) },
		"in the other region":              func(w *world) { w.there.Run("old", noon.Add(-31*24*time.Hour)) },
		"started before the copy followed": func(w *world) { w.there.Run("old", w.store.Secrets["app"].Rotated.Add(4*time.Minute)) },
		"started in the very second":       func(w *world) { w.here.Run("old", *w.store.Secrets["app"].Rotated) },
		// Somebody stored a version by hand, or the rotation before never ended.
		"the current version is younger than the last rotation": func(w *world) {
			w.store.Secrets["app"].Created["now"] = noon.Add(-time.Hour)
		},
		"somebody stored the current user's version once more": func(w *world) {
			w.store.Secrets["app"].Values["old"] = appNow
			w.here.Run("old", noon.Add(-31*24*time.Hour))
		},
		"the rotation was switched off and on, and its last one is forgotten": func(w *world) { w.store.Secrets["app"].Rotated = nil },
	} {
		w := newWorld()
		change(w)
		err := w.rotate(t.Context(), "app")
		require.ErrorContains(t, err, "may log in as wallet_app_clone, whose password would change: deploy the service in", name)
		assert.Equal(t, "clone-now", w.db.passwords["wallet_app_clone"], name)
		assert.NotContains(t, w.store.Secrets["app"].Stages["new"], current, name)
	}
}

func TestARefusedRotationGoesOnAfterADeployment(t *testing.T) {
	w := newWorld()
	w.store.Secrets["app"].Created["now"] = noon.Add(-time.Hour) // nobody knows since when it is current
	require.Error(t, w.rotate(t.Context(), "app"))
	w.here.Tasks, w.there.Tasks = nil, nil
	w.here.Run("deployed", noon.Add(time.Minute))
	w.there.Run("deployed", noon.Add(10*time.Minute))
	require.NoError(t, w.rotate(t.Context(), "app"))
	assert.Equal(t, []string{"put new as AWSPENDING", "move AWSCURRENT from now to new"}, w.store.Writes)
}

func TestTasksThatNobodyCanSeeAreNotGone(t *testing.T) {
	w := newWorld()
	w.there.Break = awsfake.Always(awsfake.Denied, "ListTasks")
	require.ErrorContains(t, w.rotate(soon(t), "app"), "us-east-1: list the service's tasks")
	assert.Equal(t, "clone-now", w.db.passwords["wallet_app_clone"])
}

func TestTheFirstRotationTakesAUserThatNobodyHolds(t *testing.T) {
	w := newWorld()
	app := w.store.Secrets["app"]
	app.Rotated = nil
	// What the attachment to the cluster left behind: the same user, without a host.
	app.Values["old"] = `{"username":"wallet_app","password":"app-now"}`
	delete(w.db.passwords, "wallet_app_clone")
	w.here.Run("from the first day", noon.Add(-60*24*time.Hour))
	require.NoError(t, w.rotate(t.Context(), "app"))
}

func TestARotationBeforeTheFirstReleaseNeedsNoService(t *testing.T) {
	w := newWorld()
	w.here.Gone, w.there.Gone = true, true
	require.NoError(t, w.rotate(t.Context(), "app"))
}

// The cluster of a region that does not write is read-only, and its endpoint for
// writers answers nobody or leads to a reader.
func TestWhereAnotherRegionWritesRotationIsRefusedWithThatReason(t *testing.T) {
	for _, secret := range []string{"app", "admin"} {
		w := newWorld()
		w.db.readOnly = true
		w.store.Secrets["admin"].Stages["new"], w.store.Secrets["admin"].Created = []string{pending}, map[string]time.Time{}
		require.ErrorContains(t, w.rotate(soon(t), secret), "db.example is read-only: another region writes", secret)
		assert.Equal(t, "clone-now", w.db.passwords["wallet_app_clone"])
		assert.NotContains(t, w.store.Secrets[secret].Stages["new"], current)
		w.db.readOnly = false
		require.NoError(t, w.rotate(t.Context(), secret), "after the way back the same rotation goes on")
	}
}

// AWS's page on a stuck rotation has AWSPENDING removed and a new rotation started.
// The database may have the password of the version that lost the label.
func TestAnAdministratorsRotationThatWasGivenUpIsNotLostForEver(t *testing.T) {
	w := newWorld()
	secret := w.store.Secrets["admin"]
	secret.Created = map[string]time.Time{}
	secret.Stages["new"] = []string{pending}
	secret.Stages["stuck"] = nil
	secret.Values["stuck"] = strings.ReplaceAll(adminNew, "generated", "given-up")
	secret.Values["other"] = strings.ReplaceAll(adminNew, "db.example", "evil.example")
	w.db.passwords["wallet_admin"] = "given-up"
	open := w.open
	w.open = func(c walletdb.Credentials) (*sql.DB, error) {
		assert.Equal(t, "db.example", c.Host, "the administrator goes nowhere else")
		return open(c)
	}
	secret.Values["another"] = strings.ReplaceAll(adminNew, "wallet_admin", "root")
	require.NoError(t, w.rotate(t.Context(), "admin"))
	assert.True(t, w.logsIn(t, "admin", current))
}

// A server that does not answer has refused no password.
func TestAnUnansweredLoginIsNoRefusedPassword(t *testing.T) {
	w := newWorld()
	w.store.Secrets["admin"].Stages["new"], w.store.Secrets["admin"].Created = []string{pending}, map[string]time.Time{}
	w.store.Secrets["admin"].Values["new"] = adminNew
	tried := 0
	w.db.before = func(statement string) (bool, error) {
		if strings.HasPrefix(statement, "login") {
			tried++
			return false, errors.New("no route to host")
		}
		return false, nil
	}
	require.ErrorContains(t, w.handle(t.Context(), step("setSecret", "admin")), "no route to host")
	assert.Equal(t, 1, tried, "the passwords after it were tried too")
	assert.Zero(t, w.store.Count("ListSecretVersionIds"))
}

// Both passwords in one window: the administrator's is another one for some seconds
// before its secret says so.
func TestTheApplicationsRotationWaitsForTheAdministratorsPassword(t *testing.T) {
	w := newWorld()
	w.db.passwords["wallet_admin"] = "generated"
	logins := 0
	w.db.before = func(statement string) (bool, error) {
		if statement == "login as wallet_admin" {
			if logins++; logins == 3 {
				w.store.Secrets["admin"].Values["now"] = adminNew
			}
		}
		return false, nil
	}
	require.NoError(t, w.rotate(t.Context(), "app"))
	assert.GreaterOrEqual(t, logins, 3)
}

// Secrets Manager repeats a step that it has lost sight of, beside the one that runs.
func TestTwoCallsOfOneStepStoreOnePassword(t *testing.T) {
	w := newWorld()
	other := newWorld()
	other.store.Secrets = w.store.Secrets
	w.store.Break = func(_ int, operation string) awsfake.Fault {
		if operation == "PutSecretValue" { // the other call was faster
			assert.NoError(t, other.handle(t.Context(), step("createSecret", "app")))
			w.store.Secrets["app"].Values["new"] = strings.ReplaceAll(w.store.Secrets["app"].Values["new"], "generated-1", "another")
		}
		return awsfake.None
	}
	require.NoError(t, w.handle(t.Context(), step("createSecret", "app")))
	assert.Contains(t, w.store.Secrets["app"].Values["new"], "another")
	assert.Empty(t, w.store.Writes)
}

func TestTheFunctionSaysWhyBeforeLambdaKillsIt(t *testing.T) {
	w := newWorld()
	w.pause = time.Hour
	w.store.Break = awsfake.Always(awsfake.Throttled, "DescribeSecret")
	ctx := soon(t)
	require.ErrorContains(t, w.handle(ctx, step("createSecret", "app")), "createSecret: describe the secret: api error ThrottlingException")
	assert.NoError(t, ctx.Err(), "Lambda has killed it by now")
}

func TestWhereTasksHoldThePasswordIsConfigured(t *testing.T) {
	given := map[string]string{
		"PASSWORD_LENGTH": "32", "PASSWORD_EXCLUDES": "$", "CLUSTER": "c", "SERVICE": "s",
		"REGIONS": "sa-east-1,us-east-1", "REPLICA_DELAY_SECONDS": "300",
	}
	h, err := configure(aws.Config{}, func(name string) string { return given[name] })
	require.NoError(t, err)
	require.Len(t, h.regions, 2)
	assert.Equal(t, []time.Duration{0, 5 * time.Minute}, []time.Duration{h.regions[0].delay, h.regions[1].delay})
	assert.Equal(t, "us-east-1", h.regions[1].tasks.(*ecs.Client).Options().Region, "the tasks of the first region would be looked at twice")
	assert.Equal(t, "us-east-1", h.regions[1].events.(*eventbridge.Client).Options().Region)
	for name := range given {
		if name == "PASSWORD_EXCLUDES" {
			continue
		}
		_, err := configure(aws.Config{}, func(asked string) string {
			if asked == name {
				return ""
			}
			return given[asked]
		})
		require.Error(t, err, name)
	}
}

// The other call moved the label between this one's look and its move.
func TestTwoCallsOfTheLastStepMoveTheLabelOnce(t *testing.T) {
	w := newWorld()
	require.NoError(t, w.handle(t.Context(), step("createSecret", "app")))
	other := newWorld()
	other.store.Secrets = w.store.Secrets
	w.store.Break = func(_ int, operation string) awsfake.Fault {
		if operation == "UpdateSecretVersionStage" {
			assert.NoError(t, other.handle(t.Context(), step("finishSecret", "app")))
		}
		return awsfake.None
	}
	require.NoError(t, w.handle(t.Context(), step("finishSecret", "app")), "an alarm for a rotation that succeeded")
	assert.Equal(t, []string{"put new as AWSPENDING"}, w.store.Writes)
	assert.NotEmpty(t, w.buses[0].Put)
}
