package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/internal/cfn"
)

// inspect lets cdk-nag look at everything that the app builds. Its findings, and
// the acknowledgements that it used, become annotations in the manifest. Its own
// reports are off: they would be written line by line, tens of thousands of them.
func inspect(app awscdk.App) {
	props := &cdknag.NagPackProps{Reports: new(false), LogIgnores: new(true)}
	solutions, pci := cdknag.NewAwsSolutionsChecks(props), cdknag.NewPCIDSS321Checks(props)
	// An aspect stops at the border of a stage.
	for _, stage := range *app.Node().Children() {
		aspects := awscdk.Aspects_Of(stage)
		aspects.Add(solutions, nil)
		aspects.Add(pci, nil)
	}
}

func TestCloudFormationValidateAcceptsEveryTemplate(t *testing.T) {
	t.Parallel()
	if os.Getenv("CDK_VALIDATION") == "false" {
		t.Skip("CDK_VALIDATION=false switches AWS's validator off")
	}
	dir := outdir(t)
	if !everythingRuns() {
		dir = t.TempDir()
		_, err := synthesize(dir, true)
		require.NoError(t, err)
	}
	findings, err := cfn.Findings(dir)
	require.NoError(t, err)
	for _, found := range findings {
		if found.Source != cfn.Annotations { // those have tests of their own below
			t.Errorf("%s %s: %s: %s: %s", found.Source, found.Severity, found.Rule, found.Construct, found.Description)
		}
	}
}

// cdk-nag's annotations, by level.
const (
	noteError   = "aws:cdk:error"
	noteWarning = "aws:cdk:warning"
	noteInfo    = "aws:cdk:info"
)

func TestNoSecurityFindingIsLeftUnanswered(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, note := range stack.notes {
				if note.Level == noteError || note.Level == noteWarning {
					t.Errorf("%s: %s", note.Construct, strings.TrimSpace(fmt.Sprint(note.Text)))
				}
			}
		}
	})
}

func TestCdkNagLooksAtEveryStack(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			require.NotEmpty(t, stack.Resources, stack.name)
		}
		used := 0
		for _, stack := range env.stacks {
			used += len(usedAcknowledgements(stack))
		}
		assert.NotZero(t, used, "no acknowledgement was used: cdk-nag did not run, or its messages changed")
	})
}

// acknowledgement is one answered finding in a template's metadata.
type acknowledgement struct {
	ID        string `json:"id"`
	Reason    string `json:"reason"`
	AppliesTo []any  `json:"applies_to"`
}

func TestEveryAcknowledgementSaysWhy(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			for _, given := range acknowledgements(t, stack) {
				assert.GreaterOrEqualf(t, len(given.Reason), 20, "%s: %s: the reason %q convinces nobody", stack.name, given.ID, given.Reason)
			}
		}
	})
}

// An acknowledgement of a finding that is gone would silently cover the next one.
func TestNoAcknowledgementOutlivesItsFinding(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		for _, stack := range env.sorted() {
			used := usedAcknowledgements(stack)
			for _, given := range acknowledgements(t, stack) {
				for _, finding := range given.findings() {
					assert.Truef(t, slices.ContainsFunc(used, finding.covers),
						"%s: %s %s: nothing is found any more, remove the acknowledgement (%s)", stack.name, given.ID, finding.what, given.Reason)
				}
			}
		}
	})
}

// acknowledgements lists a template's, each once however many resources carry it.
func acknowledgements(t *testing.T, stack template) []acknowledgement {
	t.Helper()
	distinct := map[string]acknowledgement{}
	for id, r := range stack.Resources {
		entries, _ := at(r.Metadata, "cdk_nag", "rules_to_suppress").([]any)
		for _, entry := range entries {
			content, err := json.Marshal(entry)
			require.NoError(t, err)
			var given acknowledgement
			require.NoErrorf(t, json.Unmarshal(content, &given), "%s %s", stack.name, id)
			distinct[string(content)] = given
		}
	}
	var all []acknowledgement
	for _, key := range slices.Sorted(maps.Keys(distinct)) {
		all = append(all, distinct[key])
	}
	return all
}

// used is a finding that an acknowledgement answered.
type used struct{ rule, finding string }

// usedMessage is how cdk-nag words it, finding and rule first:
// "CdkNagSuppression[Resource::*]: AwsSolutions-IAM5 was triggered but suppressed."
// with `Provided reason: "…"` in the verbose form.
var usedMessage = regexp.MustCompile(`^CdkNagSuppression(?:\[(.*)\])?: '?([A-Za-z0-9.-]+)'? was triggered but suppressed`)

func usedAcknowledgements(stack template) []used {
	var all []used
	for _, note := range stack.notes {
		if match := usedMessage.FindStringSubmatch(fmt.Sprint(note.Text)); note.Level == noteInfo && match != nil {
			all = append(all, used{rule: match[2], finding: match[1]})
		}
	}
	return all
}

// expected is one finding that an acknowledgement claims.
type expected struct {
	rule    string
	what    string         // empty: any finding of the rule
	pattern *regexp.Regexp // instead of what
}

func (e expected) covers(u used) bool {
	switch {
	case u.rule != e.rule:
		// A rule that could not judge a resource is acknowledged under one ID and
		// names the rule as its finding.
		return false
	case e.pattern != nil:
		return e.pattern.MatchString(u.finding)
	default:
		return e.what == "" || e.what == u.finding
	}
}

func (a acknowledgement) findings() []expected {
	if len(a.AppliesTo) == 0 {
		return []expected{{rule: a.ID}}
	}
	var all []expected
	for _, claim := range a.AppliesTo {
		if text, ok := claim.(string); ok {
			all = append(all, expected{rule: a.ID, what: text})
			continue
		}
		// A regular expression, in JavaScript's notation: "/…/flags".
		text, _ := at(claim, "regex").(string)
		body := strings.TrimPrefix(text[:strings.LastIndex(text, "/")], "/")
		all = append(all, expected{rule: a.ID, what: text, pattern: regexp.MustCompile(body)})
	}
	return all
}
