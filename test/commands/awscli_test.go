package commands

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jmespath-community/go-jmespath/pkg/parsing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "extract again what the AWS CLI in the path of Python says of the documents' commands")

// extract is what the AWS CLI says of the commands that the documents use.
const extract = "awscli.json"

// cli is a part of the AWS CLI's command line, written by extract.py.
type cli struct {
	// Source is the package and its version.
	Source string
	// Services are all the operations of the services that are used.
	Services map[string][]string
	Commands map[string]command
}

type command struct {
	Options map[string]option
	Output  json.RawMessage
}

type option struct {
	Required bool
	Form     json.RawMessage
}

// ofVersion2 are commands that the AWS CLI has from its version 2 on, which is not a
// Python package: https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
var ofVersion2 = map[string]command{
	"logs tail": {Options: options("since", "follow", "format", "filter-pattern", "log-stream-names", "log-stream-name-prefix")},
}

// positional are the commands that take words of their own, and how many.
var positional = map[string]int{"logs tail": 1}

// global are the options of every command:
// https://docs.aws.amazon.com/cli/latest/reference/#global-options
var global = options("region", "query", "output", "profile", "no-cli-pager", "endpoint-url", "cli-read-timeout")

func options(names ...string) map[string]option {
	made := map[string]option{}
	for _, name := range names {
		made[name] = option{Form: json.RawMessage(`"string"`)}
	}
	return made
}

func knownCLI(t *testing.T) cli {
	t.Helper()
	content, err := os.ReadFile(extract)
	require.NoError(t, err)
	var known cli
	require.NoError(t, json.Unmarshal(content, &known))
	maps.Copy(known.Commands, ofVersion2)
	return known
}

// awsCall is a command of the AWS CLI taken apart.
type awsCall struct {
	Call
	name    string // "rds describe-db-clusters"
	options map[string][]string
	free    []string // words that belong to no option
}

func awsCalls(t *testing.T) []awsCall {
	t.Helper()
	var found []awsCall
	for _, call := range calls(t, "aws") {
		found = append(found, takeApart(call))
	}
	require.NotEmpty(t, found)
	return found
}

func takeApart(call Call) awsCall {
	made := awsCall{Call: call, options: map[string][]string{}}
	words := call.Words[1:]
	depth := 2
	if len(words) > 1 && words[1] == "wait" {
		depth = 3
	}
	depth = min(depth, len(words))
	made.name = strings.Join(words[:depth], " ")
	last := ""
	for _, word := range words[depth:] {
		if name, isOption := strings.CutPrefix(word, "--"); isOption {
			name, value, joined := strings.Cut(name, "=")
			made.options[name], last = []string{}, name
			if joined {
				made.options[name], last = []string{value}, ""
			}
			continue
		}
		if last == "" {
			made.free = append(made.free, word)
			continue
		}
		made.options[last] = append(made.options[last], word)
	}
	return made
}

// The extract is written again from the package that its source names. CI does so and
// fails when the committed one is another.
func TestUpdateTheExtract(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	type wanted struct {
		Command string `json:"command"`
		Output  bool   `json:"output"`
	}
	asked := map[string]wanted{}
	for _, call := range awsCalls(t) {
		if _, other := ofVersion2[call.name]; !other {
			_, query := call.options["query"]
			asked[call.name] = wanted{call.name, query || asked[call.name].Output}
		}
	}
	var list []wanted
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		list = append(list, asked[name])
	}
	request, err := json.Marshal(list)
	require.NoError(t, err)
	python := exec.Command("python3", "extract.py")
	python.Stdin, python.Stderr = bytes.NewReader(request), os.Stderr
	content, err := python.Output()
	require.NoError(t, err, "install it first: pip install -r test/commands/requirements.txt")
	require.NoError(t, os.WriteFile(extract, content, 0o644))
}

func TestTheExtractIsOfThePinnedCLI(t *testing.T) {
	pinned, err := os.ReadFile("requirements.txt")
	require.NoError(t, err)
	assert.Contains(t, string(pinned), strings.Replace(knownCLI(t).Source, " ", "==", 1), "run `make commands`")
}

func TestEveryAWSCommandExistsWithItsOptions(t *testing.T) {
	known := knownCLI(t)
	for _, call := range awsCalls(t) {
		for _, problem := range known.problems(call) {
			t.Errorf("%s: aws %s: %s", call.At(), call.name, problem)
		}
	}
}

// problems says what the CLI would refuse of a command.
func (c cli) problems(call awsCall) []string {
	spec, exists := c.Commands[call.name]
	if !exists {
		return []string{"does not exist, or is new here: run `make commands`"}
	}
	var found []string
	if len(call.free) != positional[call.name] {
		found = append(found, fmt.Sprintf("%q belong to no option", call.free))
	}
	for name, values := range call.options {
		form, ok := spec.Options[name]
		if !ok {
			form, ok = global[name]
		}
		if !ok {
			found = append(found, "there is no option --"+name)
			continue
		}
		for _, problem := range misfit(form.Form, values) {
			found = append(found, "--"+name+" "+problem)
		}
	}
	if _, given := call.options["cli-input-json"]; given {
		return found // the rest is in the file
	}
	for name, form := range spec.Options {
		if _, given := call.options[name]; form.Required && !given {
			found = append(found, "needs --"+name)
		}
	}
	return found
}

// A bare operation in a sentence belongs to a service of the commands around it.
func TestEveryOperationThatASentenceNamesExists(t *testing.T) {
	known := knownCLI(t)
	for name, page := range pages(t) {
		for _, mention := range page.Mentions {
			exists := slices.ContainsFunc(slices.Collect(maps.Values(known.Services)), func(operations []string) bool {
				return slices.Contains(operations, mention.Text)
			})
			assert.Truef(t, exists, "%s:%d: no service that the documents use has an operation %s", name, mention.Line, mention.Text)
		}
	}
}

// placeholder is what the reader fills in, such as PLAN or a variable.
var placeholder = regexp.MustCompile(`^([A-Z][A-Z0-9_-]*|\$.*)$`)

// misfit says what is wrong with an option's values.
func misfit(form json.RawMessage, values []string) []string {
	var word string
	if json.Unmarshal(form, &word) == nil {
		if word == "boolean" {
			if len(values) > 0 && !slices.Equal(values, []string{"true"}) && !slices.Equal(values, []string{"false"}) {
				return []string{fmt.Sprintf("is a switch and takes no %q", values)}
			}
			return nil
		}
		if len(values) == 0 {
			return []string{"needs a value"}
		}
		if len(values) > 1 {
			return []string{fmt.Sprintf("takes one value, got %q", values)}
		}
		return misfitWord(word, values[0])
	}
	if len(values) == 0 {
		return []string{"needs a value"}
	}
	return misfitStructure(form, values)
}

func misfitWord(form, value string) []string {
	if placeholder.MatchString(value) || strings.HasPrefix(value, "file://") {
		return nil
	}
	if _, err := strconv.ParseFloat(value, 64); (form == "integer" || form == "number") && err != nil {
		return []string{fmt.Sprintf("wants a number, got %q", value)}
	}
	return nil
}

// misfitStructure judges values of enumerations, lists and structures, in JSON or in the
// CLI's shorthand.
func misfitStructure(form json.RawMessage, values []string) []string {
	var words []string
	if json.Unmarshal(form, &words) == nil {
		if len(values) != 1 {
			return []string{fmt.Sprintf("takes one value, got %q", values)}
		}
		if value := values[0]; !slices.Contains(words, value) && !strings.HasPrefix(value, "$") {
			return []string{fmt.Sprintf("%q is none of %q", value, words)}
		}
		return nil
	}
	joined := strings.Join(values, " ")
	if strings.HasPrefix(joined, "{") || strings.HasPrefix(joined, "[") {
		var content any
		if err := json.Unmarshal([]byte(joined), &content); err != nil {
			return []string{"is no JSON: " + err.Error()}
		}
		return misfitJSON(form, content, "")
	}
	var shape struct {
		List    json.RawMessage
		Members map[string]json.RawMessage
	}
	_ = json.Unmarshal(form, &shape)
	if shape.List != nil && len(values) > 0 {
		var problems []string
		for _, value := range values {
			problems = append(problems, misfitElement(shape.List, value)...)
		}
		return problems
	}
	return misfitElement(form, joined)
}

// shorthand are the names in KEY=value pairs, also inside braces.
var shorthand = regexp.MustCompile(`([A-Za-z][A-Za-z0-9]*)=`)

func misfitElement(form json.RawMessage, value string) []string {
	var word string
	if json.Unmarshal(form, &word) == nil {
		return misfitWord(word, value)
	}
	if form[0] == '[' { // an enumeration inside a list
		return misfitStructure(form, []string{value})
	}
	if placeholder.MatchString(value) || strings.HasPrefix(value, "file://") {
		return nil
	}
	var problems []string
	for _, match := range shorthand.FindAllStringSubmatch(value, -1) {
		if !bytes.Contains(form, []byte(`"`+match[1]+`":`)) && !bytes.Contains(form, []byte(`"map":`)) {
			problems = append(problems, "has no member "+match[1])
		}
	}
	if !strings.Contains(value, "=") && bytes.Contains(form, []byte(`"members"`)) {
		problems = append(problems, fmt.Sprintf("%q is neither JSON nor KEY=value", value))
	}
	return problems
}

func misfitJSON(form json.RawMessage, value any, path string) []string {
	var shape struct {
		List, Map json.RawMessage
		Members   map[string]json.RawMessage
	}
	if json.Unmarshal(form, &shape) != nil {
		return nil // a scalar
	}
	var problems []string
	switch v := value.(type) {
	case []any:
		if shape.List == nil {
			return []string{path + " is no list"}
		}
		for _, inner := range v {
			problems = append(problems, misfitJSON(shape.List, inner, path+"[]")...)
		}
	case map[string]any:
		for key, inner := range v {
			member, ok := shape.Members[key]
			if !ok {
				if shape.Map == nil {
					problems = append(problems, path+" has no member "+key)
				}
				continue
			}
			problems = append(problems, misfitJSON(member, inner, path+"."+key)...)
		}
	}
	return problems
}

// A query with a wrong path prints nothing, or None, and fails nothing: at night that
// reads as "there is none".
func TestEveryQueryAsksForWhatTheAnswerHas(t *testing.T) {
	known := knownCLI(t)
	for _, call := range awsCalls(t) {
		for _, problem := range known.queryProblems(call) {
			t.Errorf("%s: aws %s --query %s: %s", call.At(), call.name, call.options["query"], problem)
		}
	}
}

func (c cli) queryProblems(call awsCall) []string {
	query, asks := call.options["query"]
	spec, exists := c.Commands[call.name]
	if !asks || !exists || len(query) != 1 {
		return nil // the other test says so
	}
	if len(spec.Output) == 0 {
		return []string{"the answer is not known here: run `make commands`"}
	}
	tree, err := parsing.NewParser().Parse(query[0])
	if err != nil {
		return []string{err.Error()}
	}
	var reader queryReader
	reader.read(tree, spec.Output)
	return reader.problems
}

// What the tests above are for: each of these stood in a document, or could.
func TestABrokenCommandIsNoticed(t *testing.T) {
	known := knownCLI(t)
	for command, want := range map[string]string{
		"aws rds describe-db-cluster --region us-east-1":                                                                        "does not exist",
		"aws rsd describe-db-clusters":                                                                                          "does not exist",
		"aws ecs list-service-deployments --cluster wallet-staging":                                                             "needs --service",
		"aws ecs list-service-deployments --cluster wallet-staging --services wallet-service":                                   "no option --services",
		"aws ecs update-service --cluster c --service s --force-new-deployment yes":                                             "is a switch",
		"aws ecs update-service --cluster c --service s --desired-count many":                                                   "wants a number",
		"aws ecs update-service c --service s --cluster":                                                                        "needs a value",
		"aws arc-region-switch start-plan-execution --plan-arn PLAN --target-region us-east-1 --action promote --mode graceful": `"promote" is none of`,
		"aws arc-region-switch start-plan-execution --plan-arn PLAN --target-region us-east-1 --action activate --mode PLAN":    `"PLAN" is none of`,
		"aws rds describe-global-clusters --query 'GlobalClusters[0].Members[].IsWriter'":                                       "there is no Members",
		"aws rds describe-global-clusters --query 'GlobalCluster[0].Status'":                                                    "there is no GlobalCluster",
		"aws rds describe-global-clusters --query 'GlobalClusters.Status'":                                                      "there is no Status",
		"aws cloudformation describe-stacks --query \"Stacks[0].Outputs[?Key=='A'].OutputValue\"":                               "there is no Key",
		"aws cloudformation describe-stacks --query 'Stacks[0].Outputs[].[OutputKey,Value]'":                                    "there is no Value",
		"aws cloudwatch get-metric-data --start-time 1 --end-time 2 --metric-data-queries '[{\"Ident\":\"lag\"}]'":              "has no member Ident",
	} {
		page := fstest.MapFS{"page.md": {Data: []byte("```bash\n" + command + "\n```\n")}}
		read, err := Read(page, "page.md", programs)
		require.NoError(t, err)
		require.Lenf(t, read.Calls, 1, "%s: %v", command, read.Broken)
		call := takeApart(read.Calls[0])
		found := append(known.problems(call), known.queryProblems(call)...)
		assert.Containsf(t, strings.Join(found, "; "), want, "%s", command)
	}
}

// queryReader follows a JMESPath expression through the form of an answer.
type queryReader struct{ problems []string }

func (q *queryReader) problem(format string, arguments ...any) {
	q.problems = append(q.problems, fmt.Sprintf(format, arguments...))
}

// anything is a form of which nothing is known, such as that of a function's result.
var anything = json.RawMessage(`"any"`)

// read says what form an expression has on something of a form.
func (q *queryReader) read(node parsing.ASTNode, form json.RawMessage) json.RawMessage {
	switch node.NodeType {
	case parsing.ASTField:
		return q.member(form, fmt.Sprint(node.Value))
	case parsing.ASTSubexpression, parsing.ASTIndexExpression, parsing.ASTPipe:
		return q.read(node.Children[1], q.read(node.Children[0], form))
	case parsing.ASTIndex, parsing.ASTSlice:
		return q.element(form, node.NodeType == parsing.ASTSlice)
	case parsing.ASTFlatten: // a list of lists becomes one list
		list := q.read(node.Children[0], form)
		if inner := q.elementOf(list); strings.HasPrefix(string(inner), `{"list":`) {
			return inner
		}
		return list
	case parsing.ASTProjection:
		list := q.read(node.Children[0], form)
		return listOf(q.read(node.Children[1], q.elementOf(list)))
	case parsing.ASTFilterProjection:
		list := q.read(node.Children[0], form)
		inner := q.elementOf(list)
		q.read(node.Children[2], inner)
		return listOf(q.read(node.Children[1], inner))
	case parsing.ASTIdentity, parsing.ASTCurrentNode:
		return form
	case parsing.ASTLiteral, parsing.ASTExpRef:
		return anything
	default: // multiselects, comparisons, functions
		for _, child := range node.Children {
			q.read(child, form)
		}
		return anything
	}
}

func listOf(form json.RawMessage) json.RawMessage {
	return json.RawMessage(`{"list":` + string(form) + `}`)
}

func (q *queryReader) member(form json.RawMessage, name string) json.RawMessage {
	if string(form) == string(anything) {
		return anything
	}
	var shape struct {
		Members map[string]json.RawMessage
		Map     json.RawMessage
	}
	_ = json.Unmarshal(form, &shape)
	if shape.Map != nil {
		return shape.Map
	}
	found, ok := shape.Members[name]
	if !ok {
		q.problem("there is no %s; there are %q", name, slices.Sorted(maps.Keys(shape.Members)))
		return anything
	}
	return found
}

// element is what a list of that form holds; a slice is a list again.
func (q *queryReader) element(form json.RawMessage, slice bool) json.RawMessage {
	inner := q.elementOf(form)
	if slice {
		return form
	}
	return inner
}

func (q *queryReader) elementOf(form json.RawMessage) json.RawMessage {
	if string(form) == string(anything) {
		return anything
	}
	var shape struct{ List json.RawMessage }
	if json.Unmarshal(form, &shape) != nil || shape.List == nil {
		q.problem("%.60s is no list", form)
		return anything
	}
	return shape.List
}
