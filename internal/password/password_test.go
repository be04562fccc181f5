package password

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	cachetypes "github.com/aws/aws-sdk-go-v2/service/elasticache/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// vault is Secrets Manager, the cache's user and the running tasks, as far as a new
// password sees them. After each change it looks whether somebody is locked out.
type vault struct {
	t        *testing.T
	versions map[string]string // password by version
	labels   map[string]string // version by label
	user     []string          // passwords that the cache's user was given
	known    []string          // passwords that its nodes know, once it is active again
	tasks    string            // password that the running tasks hold
	busy     int               // looks until the user is active again
	stopAt   int               // the call that is interrupted, counted from 1
	calls    int
	locked   []string
	failing  bool // the deployment fails
	kafka    bool
	modified [][]string
}

var errStopped = errors.New("the connection is lost")

func newVault(t *testing.T) *vault {
	return &vault{t: t, versions: map[string]string{"v1": "old"}, labels: map[string]string{"AWSCURRENT": "v1"}, user: []string{"old"}, known: []string{"old"}, tasks: "old"}
}

// call counts, and interrupts before or after the effect: both happen.
func (v *vault) call(effect func() error) error {
	v.calls++
	if v.calls == v.stopAt {
		return errStopped
	}
	if err := effect(); err != nil {
		return err
	}
	v.calls++
	v.look()
	if v.calls == v.stopAt {
		return errStopped
	}
	return nil
}

func (v *vault) look() {
	if v.kafka {
		return
	}
	for who, password := range map[string]string{"running tasks": v.tasks, "a task that starts now": v.versions[v.labels["AWSCURRENT"]]} {
		if !slices.Contains(v.known, password) {
			v.locked = append(v.locked, who)
		}
	}
}

func (v *vault) DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	stages := map[string][]string{}
	err := v.call(func() error {
		for label, version := range v.labels {
			stages[version] = append(stages[version], label)
		}
		return nil
	})
	return &secretsmanager.DescribeSecretOutput{VersionIdsToStages: stages}, err
}

func (v *vault) GetSecretValue(_ context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	var text []byte
	err := v.call(func() error {
		text, _ = json.Marshal(map[string]string{"username": "wallet", "password": v.versions[*in.VersionId]})
		return nil
	})
	return &secretsmanager.GetSecretValueOutput{SecretString: new(string(text))}, err
}

func (v *vault) GetRandomPassword(context.Context, *secretsmanager.GetRandomPasswordInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetRandomPasswordOutput, error) {
	return &secretsmanager.GetRandomPasswordOutput{RandomPassword: new(fmt.Sprintf("new-%d", len(v.versions)))}, v.call(func() error { return nil })
}

func (v *vault) PutSecretValue(_ context.Context, in *secretsmanager.PutSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.PutSecretValueOutput, error) {
	id := fmt.Sprintf("v%d", len(v.versions)+1)
	err := v.call(func() error {
		var content map[string]string
		require.NoError(v.t, json.Unmarshal([]byte(*in.SecretString), &content))
		assert.Equal(v.t, "wallet", content["username"], "ElastiCache and MSK know the user by its name")
		v.versions[id] = content["password"]
		for _, label := range in.VersionStages {
			v.labels[label] = id
		}
		return nil
	})
	return &secretsmanager.PutSecretValueOutput{VersionId: &id}, err
}

// A label that is on another version must be taken from there in the same call:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_UpdateSecretVersionStage.html
func (v *vault) UpdateSecretVersionStage(_ context.Context, in *secretsmanager.UpdateSecretVersionStageInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.UpdateSecretVersionStageOutput, error) {
	return &secretsmanager.UpdateSecretVersionStageOutput{}, v.call(func() error {
		if at := v.labels[*in.VersionStage]; at != *in.RemoveFromVersionId {
			return fmt.Errorf("InvalidParameterException: %s is on %s", *in.VersionStage, at)
		}
		delete(v.labels, *in.VersionStage)
		if in.MoveToVersionId != nil {
			v.labels[*in.VersionStage] = *in.MoveToVersionId
		}
		return nil
	})
}

// A user has at most two passwords, and takes no change while it is being modified:
// https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_ModifyUser.html
func (v *vault) ModifyUser(_ context.Context, in *elasticache.ModifyUserInput, _ ...func(*elasticache.Options)) (*elasticache.ModifyUserOutput, error) {
	return &elasticache.ModifyUserOutput{}, v.call(func() error {
		if v.busy > 0 {
			return errors.New("InvalidUserState: the user is being modified")
		}
		if len(in.Passwords) < 1 || len(in.Passwords) > 2 {
			return errors.New("InvalidParameterValue: a user has one or two passwords")
		}
		v.user, v.busy = in.Passwords, 2
		v.modified = append(v.modified, in.Passwords)
		return nil
	})
}

func (v *vault) DescribeUsers(context.Context, *elasticache.DescribeUsersInput, ...func(*elasticache.Options)) (*elasticache.DescribeUsersOutput, error) {
	status := "active"
	err := v.call(func() error {
		if v.busy > 0 {
			status = "modifying"
			if v.busy--; v.busy == 0 {
				v.known = v.user
			}
		}
		return nil
	})
	return &elasticache.DescribeUsersOutput{Users: []cachetypes.User{{Status: &status}}}, err
}

func (v *vault) change() change {
	made := change{
		secrets: v, secret: "wallet-staging/cache/app", user: "wallet-staging-cache-app", cache: v,
		say: func(format string, arguments ...any) {
			for _, password := range v.versions {
				assert.NotContains(v.t, fmt.Sprintf(format, arguments...), "new-", "a password is printed: %s", password)
			}
		},
		redeploy: func(context.Context) error {
			return v.call(func() error {
				if v.failing {
					return errors.New("ECS's deployment is ROLLBACK_SUCCESSFUL")
				}
				v.tasks = v.versions[v.labels["AWSCURRENT"]]
				return nil
			})
		},
	}
	if v.kafka {
		made.cache = nil
	}
	return made
}

// run goes through the change on a clock of its own, on which a wait takes no time.
func (v *vault) run() (err error) {
	synctest.Test(v.t, func(t *testing.T) { err = v.change().run(t.Context()) })
	return err
}

func (v *vault) finished() {
	v.t.Helper()
	assert.Equal(v.t, "new-1", v.tasks, "tasks still hold the old password")
	assert.NotContains(v.t, v.labels, "AWSPENDING")
	assert.Equal(v.t, "v2", v.labels["AWSCURRENT"])
	if !v.kafka {
		assert.Equal(v.t, []string{"new-1"}, v.user, "the old password still opens the cache")
	}
}

func TestANewPasswordOfTheCacheLocksNobodyOut(t *testing.T) {
	v := newVault(t)
	require.NoError(t, v.run())
	v.finished()
	assert.Empty(t, v.locked)
	assert.Equal(t, [][]string{{"old", "new-1"}, {"new-1"}}, v.modified)
}

func TestANewPasswordOfKafkaReachesEveryTask(t *testing.T) {
	v := newVault(t)
	v.kafka = true
	require.NoError(t, v.run())
	v.finished()
}

// Stopped before or after any call, nobody is locked out, and the same command ends what
// the first one began, with one new password and not two.
func TestAnInterruptedPasswordGoesOnWhereItWas(t *testing.T) {
	whole := newVault(t)
	require.NoError(t, whole.run())
	require.Greater(t, whole.calls, 20)
	for stop := 1; stop <= whole.calls; stop++ {
		t.Run(fmt.Sprint(stop), func(t *testing.T) {
			v := newVault(t)
			v.stopAt = stop
			require.ErrorIs(t, v.run(), errStopped)
			require.NoError(t, v.run())
			if v.labels["AWSCURRENT"] != "v2" { // stopped behind the last step: the second run was a change of its own
				assert.Equal(t, whole.calls, stop)
				return
			}
			v.finished()
			assert.Empty(t, v.locked)
		})
	}
}

func TestADeploymentThatFailsLeavesBothPasswords(t *testing.T) {
	v := newVault(t)
	v.failing = true
	require.Error(t, v.run())
	assert.Equal(t, []string{"old", "new-1"}, v.user, "the tasks that went on would be locked out")
	assert.Empty(t, v.locked)
	v.failing = false
	require.NoError(t, v.run())
	v.finished()
}
