package procedures

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/migrate"
	"wallet-infra/internal/rollback"
)

func migrating(options migrate.Options) func(context.Context, session) error {
	return func(ctx context.Context, s session) error { return s.Migrate(ctx, options) }
}

// A crash of the program must not look like a refusal before the change.
func TestATaskThatWasKilledIsAFailureOfTheCommand(t *testing.T) {
	for _, status := range []int{1, 2, 137} {
		w := newWorld(t)
		w.task.exit = status
		_, err := w.run("", false, migrating(migrate.Options{Yes: true}))
		assert.Equal(t, exit.Failed, exit.Of(err))
		assert.ErrorContains(t, err, "a statement may still run on the server")
	}
}

func TestAMigrationShowsItsLogAndEndsWithTheTasksStatus(t *testing.T) {
	for code, row := range map[int]struct {
		want exit.Status
		says string
	}{
		0: {exit.Done, ""}, 3: {exit.SchemaTooNew, "the schema is too new for this release"}, 4: {exit.HalfWay, "--applied or --not-applied"},
		5: {exit.Locked, "another migration held the lock"}, 6: {exit.Contract, "deploy the release that no longer needs it first"},
		7: {exit.MigrationFailed, "exit status 7"}, 8: {exit.MigrationInvalid, "exit status 8"}, 9: {exit.ReadOnly, "exit status 9"},
	} {
		w := newWorld(t)
		w.task.exit = code
		out, err := w.run("", false, migrating(migrate.Options{Yes: true}))
		assert.Equal(t, row.want, exit.Of(err), out)
		assert.Contains(t, out, "  | schema is at version 7")
		assert.Equal(t, 1, strings.Count(out, "schema is at version 7"), "each line once")
		assert.Equal(t, []string{"up"}, w.task.command)
		assert.Equal(t, object{"subnets": array{"subnet-a", "subnet-b"}, "securityGroups": array{"sg-1"}, "assignPublicIp": "DISABLED"}, w.task.network)
		assert.False(t, w.called("ecs RegisterTaskDefinition"), "the deployed release's own task")
		if row.says != "" {
			assert.ErrorContains(t, err, row.says)
		}
	}
}

func TestEachMigrationCommandReachesTheTask(t *testing.T) {
	for want, options := range map[string]migrate.Options{
		"status":                           {Status: true},
		"repair --version 7 --applied":     {Repair: true, Version: 7, Applied: true, Yes: true},
		"repair --version 7 --not-applied": {Repair: true, Version: 7, Yes: true},
		"up":                               {Yes: true},
	} {
		w := newWorld(t)
		_, err := w.run("", false, migrating(options))
		require.NoError(t, err)
		assert.Equal(t, want, strings.Join(w.task.command, " "))
	}
}

func TestAnotherReleasesMigrationsRunInACopyThatDoesNotStay(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, migrating(migrate.Options{ImageTag: "0.9.0", Status: true}))
	require.NoError(t, err, out)
	assert.Equal(t, "1.dkr.ecr/wallet-staging/migrations:0.9.0", w.task.image)
	assert.Equal(t, array{object{"name": config.MigrationRelease, "value": "0.9.0"}}, w.task.environment, "the database would remember one release by another's tag")
	assert.True(t, w.called("ecs DeregisterTaskDefinition"))

	w = newWorld(t)
	_, err = w.run("", false, migrating(migrate.Options{ImageTag: "0.1.0", Status: true}))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, "cannot run: wallet-staging/migrations:0.1.0 in sa-east-1")
	assert.False(t, w.called("ecs RunTask"))
}

func TestAMigrationThatCannotRunSaysWhy(t *testing.T) {
	for name, row := range map[string]struct {
		damage func(*world)
		status exit.Status
		want   string
	}{
		"no image deployed":   {func(w *world) { delete(w.stacks["wallet-staging-compute"].outputs, config.OutputMigrationTask) }, exit.Refused, "has no migration task"},
		"not deployed at all": {func(w *world) { w.stacks = nil }, exit.Refused, "has no migration task"},
		"not permitted":       {func(w *world) { w.errors["ecs RunTask"] = "AccessDeniedException" }, exit.Refused, "ECS RunTask: not permitted"},
		"never started":       {func(w *world) { w.task.never = true }, exit.Failed, "the migration task never ran: CannotPullContainerError"},
		"credentials expired": {func(w *world) { w.errors["ecs DescribeTasks"] = "ExpiredTokenException" }, exit.Failed, "have expired or are not valid (ExpiredTokenException): sign in again; task abc goes on by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			row.damage(w)
			_, err := w.run("", false, migrating(migrate.Options{Yes: true}))
			assert.Equal(t, row.status, exit.Of(err))
			assert.ErrorContains(t, err, row.want)
		})
	}
}

func TestAMigrationAsksAndAnInterruptedOneGoesOn(t *testing.T) {
	w := newWorld(t)
	_, err := w.run("no\n", true, migrating(migrate.Options{}))
	assert.Equal(t, exit.Declined, exit.Of(err))
	assert.False(t, w.called("ecs RunTask"))

	w = newWorld(t)
	w.task.polls = 1000
	ctx, cancel := context.WithCancel(context.Background())
	_, err = w.runIn(ctx, config.Staging(), "", false, func(ctx context.Context, s session) error {
		time.AfterFunc(time.Second, cancel)
		return s.Migrate(ctx, migrate.Options{ImageTag: "0.9.0", Yes: true})
	})
	assert.Equal(t, exit.Interrupted, exit.Of(err))
	assert.ErrorContains(t, err, "task abc goes on by itself; look with go tool wallet staging migrate --status")
	assert.True(t, w.called("ecs DeregisterTaskDefinition"), "the copy goes all the same")
}

func returning(options rollback.Options) func(context.Context, session) error {
	return func(ctx context.Context, s session) error { return s.Rollback(ctx, options) }
}

func TestARollbackChecksTheSchemaAndDeploysTheReleaseBefore(t *testing.T) {
	w := newWorld(t)
	w.healthy, w.outage = nil, true // what a rollback is for
	out, err := w.run("", false, returning(rollback.Options{Yes: true}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "from release 1.0.0 to release 0.9.0")
	assert.Equal(t, []string{"check"}, w.task.command)
	assert.Equal(t, "1.dkr.ecr/wallet-staging/migrations:0.9.0", w.task.image, "the earlier release knows what it can live with")
	assert.Equal(t, []string{"Compute"}, w.deployed(), "the images alone")
	assert.Contains(t, w.words(), "imageTag=0.9.0")
	assert.Contains(t, out, "put the tag into Site.ImageTag")
}

func TestARollbackBehindTheSchemaIsStopped(t *testing.T) {
	w := newWorld(t)
	w.task.exit = int(exit.SchemaTooNew)
	_, err := w.run("", false, returning(rollback.Options{Yes: true}))
	assert.Equal(t, exit.SchemaTooNew, exit.Of(err))
	assert.ErrorContains(t, err, "release 0.9.0 was not deployed: the schema is too new")
	assert.Empty(t, w.deployed())
}

func TestWhoMayNotRunTasksLeavesTheCheckToTheHook(t *testing.T) {
	w := newWorld(t)
	w.errors["ecs RegisterTaskDefinition"] = "AccessDeniedException"
	_, err := w.run("", false, returning(rollback.Options{Yes: true}))
	assert.Equal(t, exit.Refused, exit.Of(err), "never passed over in silence")
	assert.Empty(t, w.deployed())
	out, err := w.run("", false, returning(rollback.Options{Yes: true, TrustHook: true}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "the schema is checked by the deployment's own hook")
	assert.Equal(t, []string{"Compute"}, w.deployed())
}

func TestADeploymentUnderWayIsStoppedByECS(t *testing.T) {
	w := newWorld(t)
	w.deployments = slices.Insert(w.deployments, 0, deploymentState{"1.1.0", "IN_PROGRESS"})
	out, err := w.run("yes\n", true, returning(rollback.Options{}))
	require.NoError(t, err, out)
	assert.Contains(t, out, "A deployment of release 1.1.0 is under way (IN_PROGRESS)")
	assert.True(t, w.called("ecs StopServiceDeployment"))
	assert.Empty(t, w.deployed())

	w.calls, w.deployments[0].status = nil, "ROLLBACK_IN_PROGRESS"
	out, err = w.run("", false, returning(rollback.Options{}))
	require.NoError(t, err)
	assert.Contains(t, out, "already taking back release 1.1.0")
	assert.False(t, w.called("ecs StopServiceDeployment"))
}

func TestARollbackToNowhereIsRefused(t *testing.T) {
	w := newWorld(t)
	w.deployments = w.deployments[:1]
	_, err := w.run("", false, returning(rollback.Options{Yes: true}))
	assert.Equal(t, exit.Refused, exit.Of(err))
	assert.ErrorContains(t, err, `ECS remembers no release before "1.0.0": name one with --to`)
	_, err = w.run("", false, returning(rollback.Options{Yes: true, To: "1.0.0"}))
	assert.ErrorContains(t, err, "release 1.0.0 runs already")
	_, err = w.run("", false, returning(rollback.Options{Yes: true, To: "0.8.0"}))
	assert.Equal(t, exit.Refused, exit.Of(err), "its migrations are not there")
	_, err = w.run("", false, returning(rollback.Options{Yes: true, To: "0.8.0", TrustHook: true}))
	assert.Equal(t, exit.ImagesMissing, exit.Of(err), "its image is not there")
	w.stacks = nil
	_, err = w.run("", false, returning(rollback.Options{Yes: true}))
	assert.ErrorContains(t, err, "no service that was deployed")
	assert.Empty(t, w.deployed())
}

func TestStatusShowsWhoServes(t *testing.T) {
	w := newWorld(t)
	out, err := w.run("", false, func(ctx context.Context, s session) error { return s.Status(ctx) })
	require.NoError(t, err)
	assert.Contains(t, out, "blue serves (weights: blue 100, green 0), 2 healthy targets; 2 of 2 tasks run")
	assert.Regexp(t, `1\.0\.0 +SUCCESSFUL\n.+0\.9\.0 +SUCCESSFUL`, out)
	assert.Empty(t, w.cdk)

	w.weights = map[string]int{"arn:blue": 90, "arn:green": 10}
	out, err = w.run("", false, func(ctx context.Context, s session) error { return s.Status(ctx) })
	require.NoError(t, err, "a shift under way is no error")
	assert.Contains(t, out, "no single colour serves (weights: blue 90, green 10)")
}
