package test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"wallet-infra/config"
)

const runbookPage = "docs/RUNBOOK.md"

// anchorOf finds the runbook entry that a text sends its reader to.
var anchorOf = regexp.MustCompile(regexp.QuoteMeta(runbookPage) + `#([a-z0-9-]+)`)

func TestEveryAlarmReachesAPersonWhoFindsWhatToDo(t *testing.T) {
	t.Parallel()
	anchors := documents(t)[runbookPage].anchors
	eachEnvironment(t, func(t *testing.T, env environment) {
		for id, a := range env.alarms(t) {
			if !endsDeployments(id) {
				assert.Lenf(t, a.AlarmActions, 1, "%s", id)
			}
			assert.Equalf(t, a.AlarmActions, a.OKActions, "%s: the end of the incident", id)
			leadsToAnEntry(t, id, anchors, a.AlarmDescription)
		}
	})
}

// leadsToAnEntry holds that a message says why it comes, and what to do.
func leadsToAnEntry(t *testing.T, who string, anchors map[string]bool, message string) {
	t.Helper()
	found := anchorOf.FindStringSubmatch(message)
	if assert.NotNilf(t, found, "%s: the message names no runbook entry", who) {
		assert.Truef(t, anchors[found[1]], "%s: %s has no heading %q", who, runbookPage, found[1])
		assert.Greaterf(t, strings.Index(message, ". Runbook"), 20, "%s: no reason", who)
	}
}

// endsDeployments says whether ECS acts on the alarm, and nobody has to: what ECS
// did is reported (TestEventsThatNoMetricShowsAreReported).
func endsDeployments(id string) bool { return strings.HasPrefix(id, "deployment-") }

// An entry that nothing leads to is either a forgotten alarm or a story about a
// platform that is gone.
func TestEveryRunbookEntryBelongsToAnAlarm(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	// Some alarms come with the last phase of the replicator's rollout.
	all := append(slices.Collect(maps.Values(platform(t))), altered(t, replicating()))
	for _, env := range all {
		for _, stack := range env.stacks {
			for _, found := range anchorOf.FindAllStringSubmatch(string(stack.raw), -1) {
				used[found[1]] = true
			}
		}
	}
	content, err := os.ReadFile(filepath.Join("..", runbookPage))
	require.NoError(t, err)
	_, entries, ok := strings.Cut(string(content), "\n## Alarms\n")
	require.True(t, ok, "no alarms")
	for _, heading := range regexp.MustCompile(`(?m)^### (.+)$`).FindAllStringSubmatch(entries, -1) {
		assert.Truef(t, used[slug(heading[1])], "no alarm leads to %q", heading[1])
	}
	anchors := documents(t)[runbookPage].anchors
	for anchor := range used {
		assert.Truef(t, anchors[anchor], "%s has no heading %q", runbookPage, anchor)
	}
}

// Who is woken reads four lines: what customers feel, where to look, what to do, and what
// comes then.
func TestEachAlarmHasItsFourLines(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", runbookPage))
	require.NoError(t, err)
	_, entries, ok := strings.Cut(string(content), "\n## Alarms\n")
	require.True(t, ok, "no alarms")
	for _, entry := range strings.Split(entries, "\n### ")[1:] {
		heading, lines, _ := strings.Cut(entry, "\n")
		line := regexp.MustCompile(`^- \*\*(\w+)\*\*,? \S.*$`)
		var begin []string
		for text := range strings.Lines(strings.TrimSpace(lines)) {
			found := line.FindStringSubmatch(strings.TrimSpace(text))
			if assert.NotNilf(t, found, "%s: %q is none of the four lines", heading, text) {
				begin = append(begin, found[1])
			}
		}
		assert.Equalf(t, []string{"Customers", "Look", "Do", "Then"}, begin, "%s", heading)
	}
}

func TestNothingServingIsAnOutageAndErrorsOrSlownessAloneAreNot(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		outage := env.alarm(t, "outage")
		named := func(id string) string { return fmt.Sprintf("ALARM(%q)", env.alarm(t, id).AlarmName) }
		assert.Equal(t, named("edge-healthy-targets")+" OR ("+named("edge-errors")+" AND "+named("edge-latency")+")", outage.AlarmRule)
		assert.Len(t, outage.DependsOn, 3, "CloudWatch refuses a rule over alarms that do not exist yet")
	})
}

func TestAlertsAreReadByNobodyElse(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		stack := env.stack(t, "data")
		topics := stack.ofType("AWS::SNS::Topic")
		require.Len(t, topics, 2)
		require.Len(t, stack.ofType("AWS::SNS::TopicPolicy"), 2)
		for id, topic := range topics {
			key := textAt(t, topic.Properties, "KmsMasterKeyId", "Fn::GetAtt", 0)
			require.Contains(t, stack.Resources, key, id)
			assert.Equal(t, "AWS::KMS::Key", stack.Resources[key].Type)
		}
	})
}

func TestAlertsReachEverybodyInConfig(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		got := map[string][]string{}
		for _, subscription := range env.stack(t, "data").ofType("AWS::SNS::Subscription") {
			assert.Equal(t, "email", subscription.Properties["Protocol"])
			topic := textAt(t, subscription.Properties, "TopicArn", "Ref")
			severity := "critical"
			if strings.HasPrefix(topic, "AlertsWarning") {
				severity = "warning"
			}
			got[severity] = append(got[severity], textAt(t, subscription.Properties, "Endpoint"))
		}
		assert.ElementsMatch(t, env.Site.Alerts.Critical, got["critical"])
		assert.ElementsMatch(t, env.Site.Alerts.Warning, got["warning"])
	})
}

func TestTheStandbyCallsForHelpWithoutThePrimaryRegion(t *testing.T) {
	eachEnvironment(t, func(t *testing.T, env environment) {
		if env.DR.Mode != config.DRStandby {
			assert.NotContains(t, env.alarms(t), "standby-lag", "nothing replicates")
			return
		}
		dr := env.stack(t, "dr")
		assert.Equal(t, env.Secondary.Name, dr.region)
		lag := env.alarms(t)["standby-lag"]
		assert.InDelta(t, 60_000, lag.Properties["Threshold"], 0, "a minute, in milliseconds: the seed allows to lose five")
		assert.Contains(t, rendered(at(lag.Properties, "AlarmActions", 0)), env.Names().StackName("dr"), "its topic is São Paulo's")
		assert.Len(t, dr.ofType("AWS::SNS::Subscription"), len(env.Site.Alerts.Critical)+len(env.Site.Alerts.Warning))
	})
}

// rule is an EventBridge rule that reports something.
type rule struct {
	Description  string
	State        string
	Tags         any
	EventPattern struct {
		Source     []string `json:"source"`
		DetailType []string `json:"detail-type"`
		Detail     map[string]any
		Resources  []map[string]any
	}
	Targets []struct {
		ID               string `json:"Id"`
		Arn              any
		InputTransformer struct {
			InputPathsMap map[string]string
			InputTemplate string
		}
	}
}

// EventBridge tells of a region's backups, deployments and database in that region only.
func TestTheSecondRegionTellsOfItsOwnFailuresToo(t *testing.T) {
	eachThat(t, func(env environment) bool { return env.DR.Mode == config.DRStandby }, func(t *testing.T, env environment) {
		sources := map[string]bool{}
		for id, r := range env.stack(t, "dr-recovery").ofType("AWS::Events::Rule") {
			reported := decoded[rule](t, id, r.Properties)
			if assert.Len(t, reported.Targets, 1, id) {
				assert.Contains(t, rendered(reported.Targets[0].Arn), "Alerts", id)
			}
			for _, source := range reported.EventPattern.Source {
				sources[source] = true
			}
		}
		assert.Equal(t, map[string]bool{"aws.backup": true, "aws.ecs": true, "aws.health": true, "aws.rds": true}, sources)
	})
}

// Each pattern is that of the service's page on EventBridge.
func TestEventsThatNoMetricShowsAreReported(t *testing.T) {
	anchors := documents(t)[runbookPage].anchors
	eachEnvironment(t, func(t *testing.T, env environment) {
		rules := map[string]rule{} // by source
		for id, r := range env.stack(t, "observability").ofType("AWS::Events::Rule") {
			reported := decoded[rule](t, id, r.Properties)
			require.Len(t, reported.EventPattern.Source, 1, id)
			require.Len(t, reported.Targets, 1, id)
			rules[reported.EventPattern.Source[0]] = reported
			leadsToAnEntry(t, id, anchors, reported.Targets[0].InputTransformer.InputTemplate)
		}
		failed := []any{"FAILED", "ABORTED", "EXPIRED"}
		for source, want := range map[string]struct {
			severity string
			kinds    []string
			detail   map[string]any
		}{
			"aws.backup": {"Warning", []string{"Backup Job State Change", "Copy Job State Change", "Restore Job State Change"},
				map[string]any{"$or": []any{map[string]any{"state": failed}, map[string]any{"status": failed}}}}, // restores say status
			"aws.ecs": {"Critical", []string{"ECS Deployment State Change"}, map[string]any{"eventName": []any{"SERVICE_DEPLOYMENT_FAILED"}}},
			"aws.health": {"Warning", []string{"AWS Health Event"}, map[string]any{
				"eventTypeCategory": []any{"issue", "scheduledChange"},
				"service":           []any{"ECS", "FARGATE", "RDS", "ELASTICACHE", "KAFKA", "ELASTICLOADBALANCING", "EC2", "ACM", "KMS"},
			}},
			"aws.rds": {"Warning", []string{"RDS DB Cluster Event"}, map[string]any{
				"EventCategories":  []any{"failover", "failure", "global-failover"},
				"SourceIdentifier": rules["aws.rds"].EventPattern.Detail["SourceIdentifier"],
			}},
		} {
			got := rules[source]
			assert.Equalf(t, want.kinds, got.EventPattern.DetailType, "%s", source)
			assert.Equalf(t, want.detail, got.EventPattern.Detail, "%s", source)
			if assert.NotEmptyf(t, got.Targets, "%s", source) {
				assert.Containsf(t, rendered(got.Targets[0].Arn), "Alerts"+want.severity, "%s", source)
			}
			delete(rules, source)
			switch source {
			case "aws.ecs":
				assert.Equal(t, []map[string]any{{"prefix": fmt.Sprintf("arn:aws:ecs:%s:%s:service/%s/", env.Primary.Name, env.Site.Account, env.Names().ECSClusterName())}},
					got.EventPattern.Resources, "other services' deployments")
			case "aws.rds":
				cluster, there := env.origin(env.stack(t, "observability"), at(got.EventPattern.Detail, "SourceIdentifier", 0))
				assert.True(t, there && cluster.Type == "AWS::RDS::DBCluster", "other clusters' failovers")
			}
		}
		assert.Empty(t, rules, "say here what they report")
	})
}
