package test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/arcregionswitch"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticache"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// typed is a command of the AWS CLI in a document.
type typed struct {
	page, service, operation string
	options                  map[string]string // with their values, empty for none
}

var (
	span       = regexp.MustCompile("`([^`]+)`")
	cliCommand = regexp.MustCompile(`\baws ([a-z0-9-]+) ([a-z0-9-]+)([^|;&>)]*)`)
	quoted     = regexp.MustCompile(`(?s)"(?:\\.|[^"])*"|'[^']*'`)
	cliOption  = regexp.MustCompile(`--([a-z0-9-]+)(?:[ =]([^\s-]\S*))?`)
)

// commandsIn finds the commands in a document's blocks and spans of code.
func commandsIn(page, content string) []typed {
	content = strings.ReplaceAll(content, "\\\n", " ")
	var texts []string
	for i, part := range strings.Split(content, "```") {
		if i%2 == 1 {
			texts = append(texts, strings.Split(part, "\n")...)
			continue
		}
		for _, code := range span.FindAllStringSubmatch(part, -1) {
			texts = append(texts, code[1])
		}
	}
	var found []typed
	for _, text := range texts {
		plain := quoted.ReplaceAllString(strings.ReplaceAll(text, "\n", " "), "QUOTED")
		for _, match := range cliCommand.FindAllStringSubmatch(plain, -1) {
			options := map[string]string{}
			for _, each := range cliOption.FindAllStringSubmatch(match[3], -1) {
				options[each[1]] = each[2]
			}
			found = append(found, typed{page, match[1], match[2], options})
		}
	}
	return found
}

// refusing lets no request out.
type refusing struct{}

func (refusing) Do(*http.Request) (*http.Response, error) { return nil, errors.New("no network") }

// ofTheCLI are its options for every operation.
var ofTheCLI = map[string]bool{"region": true, "query": true, "output": true, "profile": true}

// A runbook is read in the night on which nobody looks anything up. The SDK is made
// from the same models as the CLI, so it knows the operations, their options, the
// words that these take and what must not be missing.
func TestTheCommandsOfTheDocumentsExist(t *testing.T) {
	configuration := aws.Config{
		Region: "us-east-1", HTTPClient: refusing{}, Credentials: aws.AnonymousCredentials{},
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
	clients := map[string]any{
		"arc-region-switch": arcregionswitch.NewFromConfig(configuration), "rds": rds.NewFromConfig(configuration),
		"ecs": ecs.NewFromConfig(configuration), "cloudwatch": cloudwatch.NewFromConfig(configuration),
		"cloudformation": cloudformation.NewFromConfig(configuration), "ecr": ecr.NewFromConfig(configuration),
		"elasticache": elasticache.NewFromConfig(configuration), "secretsmanager": secretsmanager.NewFromConfig(configuration),
		"service-quotas": servicequotas.NewFromConfig(configuration),
	}
	paths, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	checked := map[string]int{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, each := range commandsIn(filepath.Base(path), string(content)) {
			if client, known := clients[each.service]; known && each.operation != "get-login-password" { // the CLI's own
				checked[each.service]++
				checkCommand(t, client, each)
			}
		}
	}
	assert.GreaterOrEqual(t, checked["arc-region-switch"], 7, "the runbook's commands were not found")
	assert.GreaterOrEqual(t, checked["rds"], 5)
}

// checkCommand calls the operation with the command's options as far as the model
// checks them, which is before anything is sent.
func checkCommand(t *testing.T, client any, given typed) {
	t.Helper()
	where := given.page + ": aws " + given.service + " " + given.operation
	method, ok := memberOf(reflect.TypeOf(client).NumMethod(), given.operation, func(i int) string { return reflect.TypeOf(client).Method(i).Name })
	if !assert.Truef(t, ok, "%s: there is no such operation", where) {
		return
	}
	call := reflect.ValueOf(client).Method(method)
	input := reflect.New(call.Type().In(1).Elem())
	for name, value := range given.options {
		if ofTheCLI[name] {
			continue
		}
		fields := input.Elem()
		at, ok := memberOf(fields.NumField(), strings.TrimPrefix(name, "no-"), func(i int) string { return fields.Type().Field(i).Name })
		if assert.Truef(t, ok, "%s: there is no option --%s", where, name) {
			fill(t, where+" --"+name, fields.Field(at), value)
		}
	}
	if _, whole := given.options["region"]; !whole {
		return // a mention, in which the reader fills in the rest
	}
	results := call.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
	err, _ := results[1].Interface().(error)
	var missing smithy.InvalidParamsError
	assert.NotErrorAsf(t, err, &missing, "%s", where)
}

// memberOf finds the one of a number of Go names that is a name of the CLI.
func memberOf(count int, name string, named func(int) string) (int, bool) {
	for i := range count {
		if strings.EqualFold(named(i), strings.ReplaceAll(name, "-", "")) {
			return i, true
		}
	}
	return 0, false
}

// fill sets what the model can check: words of a list, and that something is there.
func fill(t *testing.T, where string, field reflect.Value, value string) {
	t.Helper()
	if words := field.MethodByName("Values"); words.IsValid() {
		assert.Containsf(t, words.Call(nil)[0].Interface(), reflect.ValueOf(value).Convert(field.Type()).Interface(), "%s", where)
		field.SetString(value)
		return
	}
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
	}
	if field.Kind() == reflect.Slice {
		field.Set(reflect.MakeSlice(field.Type(), 0, 0))
	}
}
