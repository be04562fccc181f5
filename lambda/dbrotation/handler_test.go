package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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

// fakeSecret is a secret's versions by their labels; "now" is the current
// version's ID, and "new" that of the rotation.
type fakeSecret struct {
	stages  map[string][]string // by version
	values  map[string]string   // by version
	enabled *bool
}

// fakeStore is Secrets Manager with secrets by their ARN.
type fakeStore struct {
	secrets map[string]*fakeSecret
	writes  []string // the calls that changed something
	asked   *secretsmanager.GetRandomPasswordInput
}

func (f *fakeStore) DescribeSecret(_ context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	found := f.secrets[*in.SecretId]
	return &secretsmanager.DescribeSecretOutput{RotationEnabled: found.enabled, VersionIdsToStages: found.stages}, nil
}

func (f *fakeStore) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	stage := current
	if in.VersionStage != nil {
		stage = *in.VersionStage
	}
	found := f.secrets[*in.SecretId]
	for version, stages := range found.stages {
		value, filled := found.values[version]
		if filled && slices.Contains(stages, stage) && (in.VersionId == nil || *in.VersionId == version) {
			return &secretsmanager.GetSecretValueOutput{SecretString: &value}, nil
		}
	}
	return nil, &types.ResourceNotFoundException{}
}

func (f *fakeStore) GetRandomPassword(_ context.Context, in *secretsmanager.GetRandomPasswordInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetRandomPasswordOutput, error) {
	f.asked = in
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: new("generated")}, nil
}

func (f *fakeStore) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	f.writes = append(f.writes, "put "+*in.ClientRequestToken+" as "+strings.Join(in.VersionStages, " "))
	f.secrets[*in.SecretId].values[*in.ClientRequestToken] = *in.SecretString
	return &secretsmanager.PutSecretValueOutput{}, nil
}

func (f *fakeStore) UpdateSecretVersionStage(_ context.Context, in *secretsmanager.UpdateSecretVersionStageInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	f.writes = append(f.writes, "move "+*in.VersionStage+" from "+*in.RemoveFromVersionId+" to "+*in.MoveToVersionId)
	secret := f.secrets[*in.SecretId]
	secret.stages[*in.RemoveFromVersionId] = []string{previous}
	secret.stages[*in.MoveToVersionId] = []string{current, pending}
	return &secretsmanager.UpdateSecretVersionStageOutput{}, nil
}

// rotating is a secret in the middle of a rotation; without a next version, at its
// beginning, when Secrets Manager has made the version's label and no value.
func rotating(now, next string) *fakeSecret {
	secret := &fakeSecret{
		stages:  map[string][]string{"now": {current}, "new": {pending}},
		values:  map[string]string{"now": now},
		enabled: new(true),
	}
	if next != "" {
		secret.values["new"] = next
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
func newHandler(t *testing.T, secrets map[string]*fakeSecret, sessions ...session) (handler, *fakeStore) {
	t.Helper()
	store := &fakeStore{secrets: secrets}
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
	return handler{secrets: store, events: &fakeBus{}, open: open, length: 32, excluded: "$"}, store
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

// alternation is what the administrator does for the user that comes next.
func alternation(from, to string) func(sqlmock.Sqlmock) {
	return func(mock sqlmock.Sqlmock) {
		done := sqlmock.NewResult(0, 0)
		mock.ExpectQuery(showGrants).WithArgs(from).WillReturnRows(grantsTo(from))
		mock.ExpectExec(createUser).WithArgs(to, "generated").WillReturnResult(done)
		mock.ExpectExec(usage + "?@'%'").WithArgs(to).WillReturnResult(done)
		mock.ExpectExec(rights + "?@'%'").WithArgs(to).WillReturnResult(done)
		mock.ExpectExec(alterOther).WithArgs(to, "generated").WillReturnResult(done)
	}
}

func admin() *fakeSecret {
	return &fakeSecret{stages: map[string][]string{"now": {current}}, values: map[string]string{"now": adminNow}, enabled: new(true)}
}

func TestANewVersionHasANewPasswordAndTheOtherUser(t *testing.T) {
	for now, want := range map[string]string{adminNow: adminNew, appNow: appNew, cloneNow: backNew} {
		h, store := newHandler(t, map[string]*fakeSecret{"secret": rotating(now, "")})
		require.NoError(t, h.handle(t.Context(), step("createSecret", "secret")))
		assert.JSONEq(t, want, store.secrets["secret"].values["new"], "host, port and all others stay")
		assert.Equal(t, []string{"put new as AWSPENDING"}, store.writes)
		assert.Equal(t, int64(32), *store.asked.PasswordLength)
		assert.Equal(t, "$", *store.asked.ExcludeCharacters)
	}
}

func TestARepetitionKeepsThePasswordThatTheDatabaseMayHave(t *testing.T) {
	h, store := newHandler(t, map[string]*fakeSecret{"secret": rotating(appNow, appNew)})
	require.NoError(t, h.handle(t.Context(), step("createSecret", "secret")))
	assert.Empty(t, store.writes)
}

func TestTheFirstRotationMakesTheSecondUserWithTheSameRightsOverTLS(t *testing.T) {
	secrets := map[string]*fakeSecret{"admin": admin(), "app": rotating(appNow, appNew)}
	script := alternation("wallet_app", "wallet_app_clone")
	h, store := newHandler(t, secrets,
		session{user: "wallet_admin", password: "admin-now", script: script},
		session{user: "wallet_admin", password: "admin-now", script: script})
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")))
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")), "a repetition")
	assert.Empty(t, store.writes)
}

func TestRotationAlternatesBack(t *testing.T) {
	secrets := map[string]*fakeSecret{"admin": admin(), "app": rotating(cloneNow, backNew)}
	h, _ := newHandler(t, secrets,
		session{user: "wallet_admin", password: "admin-now", script: alternation("wallet_app_clone", "wallet_app")})
	require.NoError(t, h.handle(t.Context(), step("setSecret", "app")))
}

func TestTheAdministratorChangesItsOwnPassword(t *testing.T) {
	change := func(mock sqlmock.Sqlmock) {
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
			secret.stages["old"], secret.values["old"] = []string{previous}, adminOld
			h, _ := newHandler(t, map[string]*fakeSecret{"admin": secret}, sessions...)
			require.NoError(t, h.handle(t.Context(), step("setSecret", "admin")))
		})
	}
}

func TestTheNewVersionMustLogIn(t *testing.T) {
	read := func(mock sqlmock.Sqlmock) {
		mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
	}
	good := session{user: "wallet_app_clone", password: "generated", script: read}
	h, _ := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)}, good, good)
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")), "a repetition")

	good.refused = true
	h, store := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)}, good)
	require.EqualError(t, h.handle(t.Context(), step("testSecret", "app")),
		"testSecret: connect to db.example as wallet_app_clone: MySQL error 1045")
	assert.Empty(t, store.writes)
}

func TestANewScheduleIsTriedOutBeforeRotationIsEnabled(t *testing.T) {
	secret := rotating(appNow, appNow)
	secret.enabled = nil
	h, _ := newHandler(t, map[string]*fakeSecret{"app": secret}, session{user: "wallet_app", password: "app-now", script: func(mock sqlmock.Sqlmock) {
		mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
	}})
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
}

func TestTheNewVersionBecomesCurrentOnce(t *testing.T) {
	h, store := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)})
	for range 2 {
		require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")))
	}
	assert.Equal(t, []string{"move AWSCURRENT from now to new"}, store.writes)
}

// fakeBus is EventBridge, which can refuse a call or, in a call that succeeds, its
// entry.
type fakeBus struct {
	refused  error
	rejected bool
	put      []eventbridgetypes.PutEventsRequestEntry
}

func (f *fakeBus) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	if f.refused != nil {
		return nil, f.refused
	}
	if f.rejected {
		return &eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: []eventbridgetypes.PutEventsResultEntry{
			{ErrorCode: new("InternalFailure"), ErrorMessage: new("try again")},
		}}, nil
	}
	f.put = append(f.put, in.Entries...)
	return &eventbridge.PutEventsOutput{Entries: []eventbridgetypes.PutEventsResultEntry{{EventId: new("e")}}}, nil
}

func TestTheServiceLearnsOfItsNewPassword(t *testing.T) {
	bus := &fakeBus{}
	h, _ := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)},
		session{user: "wallet_app_clone", password: "generated", script: func(mock sqlmock.Sqlmock) {
			mock.ExpectQuery("SELECT 1").WillReturnRows(sqlmock.NewRows([]string{"1"}).AddRow(1))
		}})
	h.events = bus
	require.NoError(t, h.handle(t.Context(), step("testSecret", "app")))
	assert.Empty(t, bus.put, "a task that starts now would still read the old one")
	require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")))
	require.Len(t, bus.put, 1)
	put := bus.put[0]
	assert.Equal(t, []string{"wallet.database", "Database password rotated"}, []string{*put.Source, *put.DetailType})
	assert.Equal(t, []string{"app"}, put.Resources)
	assert.JSONEq(t, `{"secret":"app","version":"new"}`, *put.Detail, "an event with a password would be in every log")
}

func TestAnEventThatIsLostIsPutAgain(t *testing.T) {
	for want, bus := range map[string]*fakeBus{
		"finishSecret: announce the new password: throttled":                  {refused: errors.New("throttled")},
		"finishSecret: announce the new password: InternalFailure: try again": {rejected: true},
	} {
		h, store := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)})
		h.events = bus
		require.EqualError(t, h.handle(t.Context(), step("finishSecret", "app")), want, "Secrets Manager must repeat the step")
		bus.refused, bus.rejected = nil, false
		require.NoError(t, h.handle(t.Context(), step("finishSecret", "app")))
		assert.Len(t, bus.put, 1)
		assert.Len(t, store.writes, 1, "the version became current once")
	}
}

func TestTheAdministratorsPasswordConcernsNoTask(t *testing.T) {
	bus := &fakeBus{}
	h, store := newHandler(t, map[string]*fakeSecret{"admin": rotating(adminNow, adminNew)})
	h.events = bus
	require.NoError(t, h.handle(t.Context(), step("finishSecret", "admin")))
	assert.Len(t, store.writes, 1)
	assert.Empty(t, bus.put)
}

func TestAVersionThatIsCurrentIsLeftAlone(t *testing.T) {
	for _, name := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
		secret := rotating(appNow, appNew)
		secret.stages = map[string][]string{"new": {current, pending}}
		h, store := newHandler(t, map[string]*fakeSecret{"app": secret})
		require.NoError(t, h.handle(t.Context(), step(name, "app")), name)
		assert.Empty(t, store.writes, name)
	}
}

func TestWhatNobodyAskedForIsRefused(t *testing.T) {
	for want, spoil := range map[string]func(*fakeSecret, *event){
		"createSecret: the secret's rotation is not enabled":                       func(s *fakeSecret, _ *event) { s.enabled = new(false) },
		"createSecret: the version to rotate to is not one of the secret's":        func(s *fakeSecret, _ *event) { delete(s.stages, "new") },
		"createSecret: the version to rotate to is not staged as AWSPENDING":       func(s *fakeSecret, _ *event) { s.stages["new"] = nil },
		`want createSecret, setSecret, testSecret or finishSecret, got "rollback"`: func(_ *fakeSecret, e *event) { e.Step = "rollback" },
		"finishSecret: no version of the secret is AWSCURRENT": func(s *fakeSecret, e *event) {
			e.Step = "finishSecret"
			delete(s.stages, "now")
		},
	} {
		secret, asked := rotating(appNow, ""), step("createSecret", "app")
		spoil(secret, &asked)
		h, store := newHandler(t, map[string]*fakeSecret{"app": secret})
		require.ErrorContains(t, h.handle(t.Context(), asked), want)
		assert.Empty(t, store.writes, want)
	}
}

func TestTheAdministratorGoesNowhereElse(t *testing.T) {
	elsewhere := strings.ReplaceAll(adminNow, "db.example", "evil.example")
	for want, secrets := range map[string]map[string]*fakeSecret{
		"another host or master":                      {"admin": admin(), "app": rotating(appNow, strings.ReplaceAll(appNew, "db.example", "evil.example"))},
		"is for another host":                         {"admin": rotating(elsewhere, ""), "app": rotating(appNow, appNew)},
		"want the user wallet_app_clone":              {"admin": admin(), "app": rotating(appNow, backNew)},
		"want the user wallet_admin in the new":       {"app": rotating(adminNow, strings.ReplaceAll(adminNew, "wallet_admin", "rdsadmin"))},
		"the administrator's secret: want a JSON obj": {"admin": rotating("admin-now", ""), "app": rotating(appNow, appNew)},
	} {
		h, store := newHandler(t, secrets)
		require.ErrorContains(t, h.handle(t.Context(), step("setSecret", "app")), want)
		assert.Empty(t, store.writes, want)
	}
}

func TestARightThatSpreadsByItselfIsNotCopied(t *testing.T) {
	h, _ := newHandler(t, map[string]*fakeSecret{"admin": admin(), "app": rotating(appNow, appNew)},
		session{user: "wallet_admin", password: "admin-now", script: func(mock sqlmock.Sqlmock) {
			mock.ExpectQuery(showGrants).WithArgs("wallet_app").WillReturnRows(grantsTo("wallet_app", " WITH GRANT OPTION"))
		}})
	require.ErrorContains(t, h.handle(t.Context(), step("setSecret", "app")), "read the grants of wallet_app: a grant that is not plain")
}

// failing lets the statements up to the one that fails succeed.
func failing(statement string) func(sqlmock.Sqlmock) {
	return func(mock sqlmock.Sqlmock) {
		refused := &mysql.MySQLError{Number: 1064, Message: "near 'generated' after 'admin-now'"}
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
		h, store := newHandler(t, map[string]*fakeSecret{"admin": admin(), "app": rotating(appNow, appNew)},
			session{user: "wallet_admin", password: "admin-now", script: failing(statement)})
		require.EqualError(t, h.handle(t.Context(), step("setSecret", "app")), want)
		assert.Empty(t, store.writes, want)
	}
	h, store := newHandler(t, map[string]*fakeSecret{"admin": rotating(adminNow, adminNew)},
		session{user: "wallet_admin", password: "generated", refused: true},
		session{user: "wallet_admin", password: "admin-now", refused: true})
	require.EqualError(t, h.handle(t.Context(), step("setSecret", "admin")),
		"setSecret: connect to db.example as wallet_admin: MySQL error 1045")
	assert.Empty(t, store.writes)
}

func TestAnUnreadableSecretIsNotQuoted(t *testing.T) {
	h, store := newHandler(t, map[string]*fakeSecret{"app": rotating(`{"password":app-now`, "")})
	require.EqualError(t, h.handle(t.Context(), step("createSecret", "app")),
		"createSecret: the version AWSCURRENT: want a JSON object with text fields")
	assert.Empty(t, store.writes)
}

// unavailable is Secrets Manager on a bad day.
type unavailable struct{ *fakeStore }

func (unavailable) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return nil, errors.New("throttled")
}

func TestAnUnansweredQuestionIsNoMissingVersion(t *testing.T) {
	h, store := newHandler(t, map[string]*fakeSecret{"app": rotating(appNow, appNew)})
	h.secrets = unavailable{store}
	require.EqualError(t, h.handle(t.Context(), step("createSecret", "app")), "createSecret: read the version AWSPENDING: throttled")
	assert.Empty(t, store.writes, "another password would be stored over the one that the database may have")
}

func TestTheEventOfSecretsManagerIsUnderstood(t *testing.T) {
	var asked event
	require.NoError(t, json.Unmarshal([]byte(`{"Step":"createSecret","SecretId":"arn","ClientRequestToken":"new","RotationToken":"x"}`), &asked))
	assert.Equal(t, event{Step: "createSecret", SecretID: "arn", ClientRequestToken: "new"}, asked)
}
