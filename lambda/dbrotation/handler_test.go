package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/lambda/internal/awsfake"
	"wallet-infra/lambda/internal/walletdb"
)

const (
	adminNow = `{"username":"wallet_admin","password":"admin-now","host":"db.example","port":3306,"engine":"mysql"}`
	adminNew = `{"username":"wallet_admin","password":"generated","host":"db.example","port":3306,"engine":"mysql"}`
	adminOld = `{"username":"wallet_admin","password":"admin-old","host":"db.example","port":3306,"engine":"mysql"}`
	appNow   = `{"username":"wallet_app","password":"app-now","host":"db.example","port":3306,"ssl":true,"masterarn":"admin"}`
	appNew   = `{"username":"wallet_app_clone","password":"generated","host":"db.example","port":3306,"ssl":true,"masterarn":"admin"}`
	cloneNow = `{"username":"wallet_app_clone","password":"clone-now","host":"db.example","port":3306,"ssl":true,"masterarn":"admin"}`
	backNew  = `{"username":"wallet_app","password":"generated","host":"db.example","port":3306,"ssl":true,"masterarn":"admin"}`

	showGrants = "SHOW GRANTS FOR ?@'%'"
	createUser = "CREATE USER IF NOT EXISTS ?@'%' IDENTIFIED BY ? REQUIRE SSL"
	usage      = "GRANT USAGE ON *.* TO "
	rights     = "GRANT SELECT, INSERT, UPDATE, DELETE ON `wallet`.* TO "
	alterOther = "ALTER USER ?@'%' IDENTIFIED BY ? REQUIRE SSL"
	alterOwn   = "ALTER USER USER() IDENTIFIED BY ?"
)

// rotating is a secret in the middle of a rotation; without a next version, at its
// beginning, when Secrets Manager has made the version's label and no value.
func rotating(now, next string) *awsfake.Secret {
	secret := &awsfake.Secret{
		Stages:  map[string][]string{"now": {current}, "new": {pending}},
		Values:  map[string]string{"now": now},
		Created: map[string]time.Time{},
		Enabled: new(true),
	}
	if next != "" {
		secret.Values["new"] = next
	}
	return secret
}

// session is a login that the handler must try, and what happens in it.
type session struct {
	user, password string
	refused        bool
	script         func(sqlmock.Sqlmock)
}

// newHandler makes a handler over secrets and the logins that it must try, in
// their order.
func newHandler(t *testing.T, secrets map[string]*awsfake.Secret, sessions ...session) (handler, *awsfake.Secrets) {
	t.Helper()
	store := &awsfake.Secrets{Secrets: secrets}
	next := 0
	t.Cleanup(func() { assert.Equal(t, len(sessions), next, "logins") })
	open := func(as walletdb.Credentials) (*sql.DB, error) {
		require.Less(t, next, len(sessions), "an unexpected login as %s", as.Username)
		s := sessions[next]
		next++
		assert.Equal(t, []string{s.user, s.password, "db.example"}, []string{as.Username, as.Password, as.Host})
		db, mock, err := sqlmock.New(sqlmock.QueryMatcherOption(sqlmock.QueryMatcherEqual), sqlmock.MonitorPingsOption(true))
		require.NoError(t, err)
		ping := mock.ExpectPing()
		if s.refused {
			ping.WillReturnError(&mysql.MySQLError{Number: 1045, Message: "denied with " + as.Password})
		} else if s.script != nil {
			s.script(mock)
		}
		mock.ExpectClose()
		t.Cleanup(func() { require.NoError(t, mock.ExpectationsWereMet()) })
		return db, nil
	}
	return handler{
		secrets: store, open: open, regions: []region{{name: "sa-east-1", tasks: awsfake.NewECS(nil), events: &awsfake.Bus{}}},
		cluster: "wallet-test", service: "wallet-service", length: 32, excluded: "$", pause: time.Hour,
	}, store
}

// soon is the context of a function whose time is up soon.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), reserve+20*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func step(name, secret string) event {
	return event{Step: name, SecretID: secret, ClientRequestToken: "new"}
}

// grantsTo is what the server answers about a user.
func grantsTo(user string, ends ...string) *sqlmock.Rows {
	rows := sqlmock.NewRows([]string{"Grants"})
	for _, grant := range []string{usage, rights} {
		rows.AddRow(grant + "`" + user + "`@`%`" + strings.Join(ends, ""))
	}
	return rows
}

// writes is what the writer answers.
func writes(mock sqlmock.Sqlmock) {
	mock.ExpectQuery("SELECT @@innodb_read_only").WillReturnRows(sqlmock.NewRows([]string{"v"}).AddRow(0))
}

// alternation is what the administrator does for the user that comes next.
func alternation(from, to string) func(sqlmock.Sqlmock) {
	return func(mock sqlmock.Sqlmock) {
		done := sqlmock.NewResult(0, 0)
		writes(mock)
		mock.ExpectQuery(showGrants).WithArgs(from).WillReturnRows(grantsTo(from))
		mock.ExpectExec(createUser).WithArgs(to, "generated").WillReturnResult(done)
		mock.ExpectExec(usage + "?@'%'").WithArgs(to).WillReturnResult(done)
		mock.ExpectExec(rights + "?@'%'").WithArgs(to).WillReturnResult(done)
		mock.ExpectExec(alterOther).WithArgs(to, "generated").WillReturnResult(done)
	}
}

func admin() *awsfake.Secret {
	return &awsfake.Secret{Stages: map[string][]string{"now": {current}}, Values: map[string]string{"now": adminNow}, Enabled: new(true)}
}

func TestANewVersionHasANewPasswordAndTheOtherUser(t *testing.T) {
	for now, want := range map[string]string{adminNow: adminNew, appNow: appNew, cloneNow: backNew} {
		h, store := newHandler(t, map[string]*awsfake.Secret{"secret": rotating(now, "")})
		require.NoError(t, h.handle(t.Context(), step("createSecret", "secret")))
		assert.JSONEq(t, want, store.Secrets["secret"].Values["new"], "host, port and all others stay")
		assert.Equal(t, []string{"put new as AWSPENDING"}, store.Writes)
		assert.Equal(t, int64(32), *store.Asked.PasswordLength)
		assert.Equal(t, "$", *store.Asked.ExcludeCharacters)
	}
}

func TestARepetitionKeepsThePasswordThatTheDatabaseMayHave(t *testing.T) {
	h, store := newHandler(t, map[string]*awsfake.Secret{"secret": rotating(appNow, appNew)})
	require.NoError(t, h.handle(t.Context(), step("createSecret", "secret")))
	assert.Empty(t, store.Writes)
}

func TestTheFirstRotationMakesTheSecondUserWithTheSameRightsOverTLS(t *testing.T) {
	secrets := map[string]*awsfake.Secret{"admin": admin(), "app": rotating(appNow, appNew)}
	script := alternation("wallet_app", "wallet_app_clone")
	h, store := newHandler(t, secrets,
		session{user: "wallet_admin", password: "admin-now", script: script},
		session{user: "wallet_admin", password: "admin-now", script: script})
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")))
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")), "a repetition")
	assert.Empty(t, store.Writes)
}

func TestRotationAlternatesBack(t *testing.T) {
	secrets := map[string]*awsfake.Secret{"admin": admin(), "app": rotating(cloneNow, backNew)}
	h, _ := newHandler(t, secrets,
		session{user: "wallet_admin", password: "admin-now", script: alternation("wallet_app_clone", "wallet_app")})
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")))
}

func TestTheAdministratorChangesItsOwnPassword(t *testing.T) {
	change := func(mock sqlmock.Sqlmock) {
		writes(mock)
		mock.ExpectExec(alterOwn).WithArgs("generated").WillReturnResult(sqlmock.NewResult(0, 0))
	}
	refusedNew := session{user: "wallet_admin", password: "generated", refused: true}
	for name, sessions := range map[string][]session{
		"with the current one": {refusedNew, {user: "wallet_admin", password: "admin-now", script: change}},
		"with the one before": {
			refusedNew,
			{user: "wallet_admin", password: "admin-now", refused: true},
			{user: "wallet_admin", password: "admin-old", script: change},
		},
		"which it has already": {{user: "wallet_admin", password: "generated"}},
	} {
		t.Run(name, func(t *testing.T) {
			secret := rotating(adminNow, adminNew)
			secret.Stages["old"], secret.Values["old"] = []string{previous}, adminOld
			h, _ := newHandler(t, map[string]*awsfake.Secret{"admin": secret}, sessions...)
			require.NoError(t, h.handle(t.Context(), step("setSecret", "admin")))
		})
	}
}

func TestTheNewVersionMustLogIn(t *testing.T) {
	read := func(mock sqlmock.Sqlmock) {
		mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
	}
	good := session{user: "wallet_app_clone", password: "generated", script: read}
	h, _ := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)}, good, good)
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")), "a repetition")

	good.refused = true
	h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)}, good)
	require.EqualError(t, h.handle(soon(t), step("testSecret", "app")),
		"testSecret: connect to db.example as wallet_app_clone: MySQL error 1045 (the time for it is up)")
	assert.Empty(t, store.Writes)
}

func TestANewScheduleIsTriedOutBeforeRotationIsEnabled(t *testing.T) {
	secret := rotating(appNow, appNow)
	secret.Enabled = nil
	h, _ := newHandler(t, map[string]*awsfake.Secret{"app": secret}, session{user: "wallet_app", password: "app-now", script: func(mock sqlmock.Sqlmock) {
		mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
	}})
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
}

func TestTheNewVersionBecomesCurrentOnce(t *testing.T) {
	h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)})
	for range 2 {
		require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")))
	}
	assert.Equal(t, []string{"move AWSCURRENT from now to new"}, store.Writes)
}

func TestTheServiceLearnsOfItsNewPasswordInEachRegion(t *testing.T) {
	here, there := &awsfake.Bus{}, &awsfake.Bus{}
	h, _ := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)},
		session{user: "wallet_app_clone", password: "generated", script: func(mock sqlmock.Sqlmock) {
			mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
		}})
	h.regions = []region{{name: "sa-east-1", events: here}, {name: "us-east-1", events: there}}
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
	assert.Empty(t, here.Put, "a task that starts now would still read the old one")
	require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")))
	require.Len(t, here.Put, 1)
	put := here.Put[0]
	assert.Equal(t, []string{"wallet.database", "Database password rotated"}, []string{*put.Source, *put.DetailType})
	assert.Equal(t, []string{"app"}, put.Resources)
	assert.JSONEq(t, `{"secret":"app","version":"new"}`, *put.Detail, "an event with a password would be in every log")
	assert.Equal(t, here.Put, there.Put, "tasks that wait in the other region hold the password too")
}

func TestAnEventThatIsLostIsPutAgain(t *testing.T) {
	for name, bus := range map[string]*awsfake.Bus{
		"a call that fails":   {Calls: awsfake.Calls{Break: awsfake.Once(0, awsfake.Throttled)}},
		"an entry that fails": {Rejected: 1},
	} {
		h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)})
		h.regions[0].events, h.pause = bus, time.Millisecond
		require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")), name)
		assert.Len(t, bus.Put, 1, name)
		assert.Len(t, store.Writes, 1, "the version became current once")
	}
}

func TestARegionThatDoesNotAnswerDoesNotKeepTheOtherFromKnowing(t *testing.T) {
	here, there := &awsfake.Bus{Calls: awsfake.Calls{Break: awsfake.Always(awsfake.Throttled, "PutEvents")}}, &awsfake.Bus{}
	h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)})
	h.regions = []region{{name: "sa-east-1", events: here}, {name: "us-east-1", events: there}}
	require.ErrorContains(t, h.handle(soon(t), step("finishSecret", "app")), "announce the new password in sa-east-1: ", "Secrets Manager must repeat the step")
	assert.NotEmpty(t, there.Put)
	assert.Len(t, store.Writes, 1)
}

func TestTheAdministratorsPasswordConcernsNoTask(t *testing.T) {
	bus := &awsfake.Bus{}
	h, store := newHandler(t, map[string]*awsfake.Secret{"admin": rotating(adminNow, adminNew)})
	h.regions[0].events = bus
	require.NoError(t, h.handle(t.Context(), step("finishSecret", "admin")))
	assert.Len(t, store.Writes, 1)
	assert.Empty(t, bus.Put)
}

func TestAVersionThatIsCurrentIsLeftAlone(t *testing.T) {
	for _, name := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		secret := rotating(appNow, appNew)
		secret.Stages = map[string][]string{"new": {current, pending}}
		h, store := newHandler(t, map[string]*awsfake.Secret{"app": secret})
		require.NoError(t, h.handle(t.Context(), step(name, "app")), name)
		assert.Empty(t, store.Writes, name)
	}
}

func TestWhatNobodyAskedForIsRefused(t *testing.T) {
	for want, spoil := range map[string]func(*awsfake.Secret, *event){
		"createSecret: the secret's rotation is not enabled":                       func(s *awsfake.Secret, _ *event) { s.Enabled = new(false) },
		"createSecret: the version to rotate to is not one of the secret's":        func(s *awsfake.Secret, _ *event) { delete(s.Stages, "new") },
		"createSecret: the version to rotate to is not staged as AWSPENDING":       func(s *awsfake.Secret, _ *event) { s.Stages["new"] = nil },
		`want createSecret, setSecret, testSecret or finishSecret, got "rollback"`: func(_ *awsfake.Secret, e *event) { e.Step = "rollback" },
		"finishSecret: no version of the secret is AWSCURRENT": func(s *awsfake.Secret, e *event) {
			e.Step = "finishSecret"
			delete(s.Stages, "now")
		},
	} {
		secret, asked := rotating(appNow, ""), step("createSecret", "app")
		spoil(secret, &asked)
		h, store := newHandler(t, map[string]*awsfake.Secret{"app": secret})
		require.ErrorContains(t, h.handle(t.Context(), asked), want)
		assert.Empty(t, store.Writes, want)
	}
}

func TestTheAdministratorGoesNowhereElse(t *testing.T) {
	elsewhere := strings.ReplaceAll(adminNow, "db.example", "evil.example")
	for want, secrets := range map[string]map[string]*awsfake.Secret{
		"another host or master":                      {"admin": admin(), "app": rotating(appNow, strings.ReplaceAll(appNew, "db.example", "evil.example"))},
		"is for another host":                         {"admin": rotating(elsewhere, ""), "app": rotating(appNow, appNew)},
		"want the user wallet_app_clone":              {"admin": admin(), "app": rotating(appNow, backNew)},
		"want the user wallet_admin in the new":       {"app": rotating(adminNow, strings.ReplaceAll(adminNew, "wallet_admin", "rdsadmin"))},
		"the administrator's secret: want a JSON obj": {"admin": rotating("admin-now", ""), "app": rotating(appNow, appNew)},
	} {
		h, store := newHandler(t, secrets)
		require.ErrorContains(t, h.handle(t.Context(), step("setSecret", "app")), want)
		assert.Empty(t, store.Writes, want)
	}
}

func TestARightThatSpreadsByItselfIsNotCopied(t *testing.T) {
	h, _ := newHandler(t, map[string]*awsfake.Secret{"admin": admin(), "app": rotating(appNow, appNew)},
		session{user: "wallet_admin", password: "admin-now", script: func(mock sqlmock.Sqlmock) {
			writes(mock)
			mock.ExpectQuery(showGrants).WithArgs("wallet_app").WillReturnRows(grantsTo("wallet_app", " WITH GRANT OPTION"))
		}})
	require.ErrorContains(t, h.handle(t.Context(), step("setSecret", "app")), "read the grants of wallet_app: a grant that is not plain")
}

// failing lets the statements up to the one that fails succeed.
func failing(statement string) func(sqlmock.Sqlmock) {
	return func(mock sqlmock.Sqlmock) {
		refused := &mysql.MySQLError{Number: 1064, Message: "near 'generated' after 'admin-now'"}
		writes(mock)
		query := mock.ExpectQuery(showGrants)
		if statement == showGrants {
			query.WillReturnError(refused)
			return
		}
		query.WillReturnRows(grantsTo("wallet_app"))
		for _, each := range []string{createUser, usage + "?@'%'", rights + "?@'%'", alterOther} {
			if each == statement {
				mock.ExpectExec(each).WillReturnError(refused)
				return
			}
			mock.ExpectExec(each).WillReturnResult(sqlmock.NewResult(0, 0))
		}
	}
}

func TestAFailureLeavesTheCurrentVersionAndQuotesNoPassword(t *testing.T) {
	for statement, want := range map[string]string{
		showGrants:       "setSecret: read the grants of wallet_app: MySQL error 1064",
		createUser:       "setSecret: create the user wallet_app_clone: MySQL error 1064",
		rights + "?@'%'": "setSecret: grant to the user wallet_app_clone: MySQL error 1064",
		alterOther:       "setSecret: change the password of wallet_app_clone: MySQL error 1064",
	} {
		h, store := newHandler(t, map[string]*awsfake.Secret{"admin": admin(), "app": rotating(appNow, appNew)},
			session{user: "wallet_admin", password: "admin-now", script: failing(statement)})
		require.EqualError(t, h.handle(t.Context(), step("setSecret", "app")), want)
		assert.Empty(t, store.Writes, want)
	}
	h, store := newHandler(t, map[string]*awsfake.Secret{"admin": rotating(adminNow, adminNew)},
		session{user: "wallet_admin", password: "generated", refused: true},
		session{user: "wallet_admin", password: "admin-now", refused: true})
	require.EqualError(t, h.handle(soon(t), step("setSecret", "admin")),
		"setSecret: connect to db.example as wallet_admin: MySQL error 1045 (the time for it is up)")
	assert.Empty(t, store.Writes)
}

func TestAnUnreadableSecretIsNotQuoted(t *testing.T) {
	h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(`{"password":app-now`, "")})
	require.EqualError(t, h.handle(t.Context(), step("createSecret", "app")),
		"createSecret: the version AWSCURRENT: want a JSON object with text fields")
	assert.Empty(t, store.Writes)
}

func TestAnUnansweredQuestionIsNoMissingVersion(t *testing.T) {
	h, store := newHandler(t, map[string]*awsfake.Secret{"app": rotating(appNow, appNew)})
	store.Break = awsfake.Always(awsfake.Throttled, "GetSecretValue")
	require.ErrorContains(t, h.handle(soon(t), step("createSecret", "app")), "createSecret: read the version AWSPENDING: api error ThrottlingException")
	assert.Empty(t, store.Writes, "another password would be stored over the one that the database may have")
}

func TestTheEventOfSecretsManagerIsUnderstood(t *testing.T) {
	var asked event
	require.NoError(t, json.Unmarshal([]byte(`{"Step":"createSecret","SecretId":"arn","ClientRequestToken":"new","RotationToken":"x"}`), &asked))
	assert.Equal(t, event{Step: "createSecret", SecretID: "arn", ClientRequestToken: "new"}, asked)
}
