package application

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
)

// task is a task definition of the wallet service, with what AWS would hold for it.
type task struct {
	stack              cfn.Stack
	application        settings
	prepare            settings
	script             []string // of the preparation
	database, standbys string   // host names
	cache              string
	collector          string                       // its configuration, as far as the template says it
	secrets            map[string]map[string]string // by ARN
}

// The names that AWS would give, by resource and attribute. Each region has its own.
func hostOf(in cfn.Stack, kind string) string {
	return kind + ".wallet-a1b2c3." + in.Region + ".amazonaws.com"
}

// tasks are those of every stack with the wallet service.
func tasks(t *testing.T, environment, bootstrap string) []task {
	t.Helper()
	stacks := engines.Stacks(t, environment)
	secrets := secretsOf(t, stacks)
	resolver := cfn.Resolver{Stacks: stacks, Attribute: func(in cfn.Stack, of cfn.Resource, attribute string, resolve func(any) any) (any, bool) {
		switch of.Type + " " + attribute {
		case "AWS::RDS::DBCluster Endpoint.Address":
			return hostOf(in, "writer"), true
		case "AWS::RDS::DBCluster ReadEndpoint.Address":
			return hostOf(in, "readers"), true
		case "AWS::ElastiCache::ReplicationGroup ConfigurationEndPoint.Address":
			return hostOf(in, "cache"), true
		case "Custom::KafkaAccess Bootstrap":
			return bootstrap, true
		case "AWS::SecretsManager::Secret ":
			return arnOf(t, in, of), true
		case "AWS::SecretsManager::SecretTargetAttachment ":
			return resolve(of.Properties["SecretId"]), true
		}
		return nil, false
	}}
	var found []task
	for _, stack := range stacks {
		if len(stack.Template.OfType("AWS::ECS::Service")) == 0 {
			continue
		}
		made := task{stack: stack, secrets: secrets, database: hostOf(stack, "writer"), standbys: hostOf(stack, "readers"), cache: hostOf(stack, "cache")}
		for _, definition := range stack.Template.OfType("AWS::ECS::TaskDefinition") {
			for _, container := range cfn.List(definition.Properties["ContainerDefinitions"]) {
				switch cfn.Lookup(container, "Name") {
				case "wallet-service":
					require.Nil(t, made.application, "one task definition serves")
					made.application = made.environment(t, resolver, container)
				case "collector":
					for _, variable := range cfn.List(cfn.Lookup(container, "Environment")) {
						made.collector += resolver.Text(stack, cfn.Lookup(variable, "Value"))
					}
				case "prepare":
					made.prepare = made.environment(t, resolver, container)
					for _, part := range append(cfn.List(cfn.Lookup(container, "EntryPoint")), cfn.List(cfn.Lookup(container, "Command"))...) {
						made.script = append(made.script, fmt.Sprint(part))
					}
				}
			}
		}
		require.NotEmpty(t, made.application, stack.ID)
		found = append(found, made)
	}
	require.NotEmpty(t, found)
	return found
}

// environment is a container's, as ECS makes it of its variables and secrets.
func (w task) environment(t *testing.T, resolver cfn.Resolver, container any) settings {
	t.Helper()
	made := settings{}
	for _, variable := range cfn.List(cfn.Lookup(container, "Environment")) {
		name, value := fmt.Sprint(cfn.Lookup(variable, "Name")), resolver.Resolve(w.stack, cfn.Lookup(variable, "Value"))
		text, ok := value.(string)
		require.True(t, ok, "%s: nobody says what %v is", name, value)
		made[name] = text
	}
	for _, secret := range cfn.List(cfn.Lookup(container, "Secrets")) {
		name, from := fmt.Sprint(cfn.Lookup(secret, "Name")), resolver.Resolve(w.stack, cfn.Lookup(secret, "ValueFrom"))
		text, ok := from.(string)
		require.True(t, ok, "%s: nobody says what %v is", name, from)
		require.NotContains(t, made, name)
		made[name] = w.secret(t, text)
	}
	return made
}

// secret is a value from Secrets Manager: after the seven parts of the secret's ARN a
// key of its JSON, a stage and a version may follow (ECS developer guide, "Pass Secrets
// Manager secrets through Amazon ECS environment variables").
func (w task) secret(t *testing.T, from string) string {
	t.Helper()
	parts := strings.Split(from, ":")
	require.Len(t, parts, 10, "%s: want arn:…:secret:NAME:KEY:STAGE:VERSION", from)
	require.Equal(t, []string{"", ""}, parts[8:], "%s: the current value, whatever its version", from)
	arn := strings.Join(parts[:7], ":")
	values, ok := w.secrets[arn]
	if !ok { // an ARN without the six letters that Secrets Manager adds finds the secret too
		values, ok = w.secrets[arn+suffix]
	}
	require.True(t, ok, "no secret %s", arn)
	value, ok := values[parts[7]]
	require.True(t, ok, "the secret %s has no %q", arn, parts[7])
	return value
}

const suffix = "-A1b2C3"

func arnOf(t *testing.T, in cfn.Stack, secret cfn.Resource) string {
	t.Helper()
	name, ok := secret.Properties["Name"].(string)
	require.True(t, ok, "the name of %s", secret.ID)
	return "arn:aws:secretsmanager:" + in.Region + ":" + in.Account + ":secret:" + name + suffix
}

// secretsOf makes every secret of the templates, and its replicas.
func secretsOf(t *testing.T, stacks []cfn.Stack) map[string]map[string]string {
	t.Helper()
	made := map[string]map[string]string{}
	for _, stack := range stacks {
		for _, secret := range stack.Template.OfType("AWS::SecretsManager::Secret") {
			rules := cfn.Lookup(secret.Properties, "GenerateSecretString")
			if rules == nil {
				continue
			}
			values := map[string]string{}
			template := cfn.Resolver{}.Text(stack, cfn.Lookup(rules, "SecretStringTemplate"))
			var known map[string]any
			require.NoError(t, json.Unmarshal([]byte(template), &known), template)
			for key, value := range known {
				values[key] = fmt.Sprint(value)
			}
			values[fmt.Sprint(cfn.Lookup(rules, "GenerateStringKey"))] = password(t, rules)
			arn := arnOf(t, stack, secret)
			made[arn] = values
			for _, replica := range cfn.List(secret.Properties["ReplicaRegions"]) {
				made[strings.Replace(arn, ":"+stack.Region+":", ":"+fmt.Sprint(cfn.Lookup(replica, "Region"))+":", 1)] = values
			}
		}
	}
	return made
}

// punctuation is what Secrets Manager puts into passwords unless it is told not to
// (GetRandomPassword).
const punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

// password is the worst that Secrets Manager may make by the rules: every sign that they
// allow is in it.
func password(t *testing.T, rules any) string {
	t.Helper()
	length, err := cfn.Number(cfn.Lookup(rules, "PasswordLength"))
	require.NoError(t, err)
	allowed := ""
	if cfn.Lookup(rules, "ExcludePunctuation") != true {
		allowed = punctuation
	}
	excluded, _ := cfn.Lookup(rules, "ExcludeCharacters").(string)
	allowed = strings.Map(func(sign rune) rune {
		if strings.ContainsRune(excluded, sign) {
			return -1
		}
		return sign
	}, allowed)
	require.Greater(t, int(length), len(allowed)+3)
	return (allowed + strings.Repeat("aZ9", int(length)))[:int(length)]
}

// scratch is the volume that the preparation shares with the application.
const scratch = "/tmp"

// files runs the preparation's own script, and returns the directory that stands for
// the root of the application's file system.
func (w task) files(t *testing.T, authorities string) string {
	t.Helper()
	require.NotEmpty(t, w.prepare["DATABASE_AUTHORITIES"])
	root := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(root, scratch), 0o700))
	script := make([]string, len(w.script))
	for i, part := range w.script {
		script[i] = strings.ReplaceAll(part, scratch, filepath.Join(root, scratch))
	}
	command := exec.CommandContext(t.Context(), script[0], script[1:]...)
	command.Env = append(os.Environ(), "DATABASE_AUTHORITIES="+authorities)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return root
}
