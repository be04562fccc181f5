// Package prometheus lets promtool, Prometheus' own judge of rules, say what the rules in
// the templates do in the hours that matter: what fires, when, and what stays silent.
package prometheus

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"wallet-infra/internal/cfn"
	"wallet-infra/test/engines"
)

// series is what a task exports, in promtool's notation of values: "0+60x10" starts at 0
// and grows by 60 at each of 10 scrapes; "_x10" are 10 scrapes without it.
type series struct{ name, values string }

// scenario is an hour that matters. What is expected comes from what customers feel, in
// the words of its name, and not from the rules.
type scenario struct {
	series []series
	// at is when the alerts are asked for, since the start.
	at time.Duration
	// long reads each minute and computes every five: a week in a minute.
	long bool
	// fires are the alerts that somebody gets, with the labels that tell them apart;
	// nothing else may fire.
	fires []string
}

// scrape is the interval between two values.
const scrape = 30 * time.Second

// ok and bad are counters of the service's answers.
func ok(task, values string) series { return answers(task, "200", values) }
func bad(values string) series      { return answers("a", "500", values) }

func answers(task, status, values string) series {
	return series{fmt.Sprintf(`http_server_requests_seconds_count{job="wallet-service",instance=%q,status=%q}`, task, status), values}
}

// of is a counter of a task.
func of(task, counter, values string) series {
	return series{fmt.Sprintf(`%s{job="wallet-service",instance=%q}`, counter, task), values}
}

// up is a task that is read.
func up(task, values string) series { return of(task, "up", values) }

// hours is a number of scrapes.
func hours(n float64) int { return int(n * float64(time.Hour/scrape)) }

// constant grows by perMinute for some hours.
func constant(perMinute float64, h float64) string {
	return fmt.Sprintf("0+%gx%d", perMinute/2, hours(h))
}

// healthy is a task of a busy service: 15,000 requests and events a minute.
func healthy(task string, h float64) []series {
	return append([]series{
		up(task, fmt.Sprintf("1x%d", hours(h))), ok(task, constant(15000, h)),
		of(task, "wallet_outbox_events_created_total", constant(15000, h)),
		of(task, "wallet_outbox_events_published_total", constant(15000, h)),
	}, operating(task, 3000, h)...)
}

// serving is one of which only the answers matter.
func serving(task string, h float64) []series {
	return []series{up(task, fmt.Sprintf("1x%d", hours(h))), ok(task, constant(15000, h))}
}

// operating is a task with perMinute of each operation.
func operating(task string, perMinute, h float64) []series {
	var all []series
	for _, operation := range []string{"created", "deposits", "withdrawals", "transfers", "queries"} {
		all = append(all, of(task, "wallet_operations_"+operation+"_total", constant(perMinute, h)))
	}
	return all
}

// without leaves a series out.
func without(all []series, part string) []series {
	return slices.DeleteFunc(slices.Clone(all), func(one series) bool { return strings.Contains(one.name, part) })
}

func scenarios() map[string]scenario {
	const week = 7 * 24 * time.Hour
	return map[string]scenario{
		"nothing is wrong": {series: healthy("a", 3), at: 3 * time.Hour},
		"every request fails at full load: within three minutes": {
			series: append(without(healthy("a", 2), `status="200"`),
				ok("a", fmt.Sprintf("0+7500x%d 900000x20", hours(1))), bad(fmt.Sprintf("_x%d 0+7500x20", hours(1)))),
			at: time.Hour + 3*time.Minute, fires: []string{"ErrorBudgetBurnsFast"},
		},
		"two of a hundred requests fail: within the hour": {
			// After a good day: the window of an hour alone sees it.
			series: append(healthy("a", 10), bad(fmt.Sprintf("0x%d 0+150x%d", hours(8), hours(2)))),
			at:     9 * time.Hour, fires: []string{"ErrorBudgetBurnsFast"},
		},
		"one of two hundred fails for a day: nobody is woken, somebody is told": {
			series: append(serving("a", 26), bad(constant(60, 26))),
			at:     26 * time.Hour, fires: []string{"ErrorBudgetBurnsSlowly"},
		},
		"nine of ten thousand fail, as promised": {
			series: append(serving("a", 26), bad(constant(13, 26))),
			at:     26 * time.Hour,
		},
		"every request fails at one a minute: a page within a quarter of an hour": {
			series: []series{
				up("a", fmt.Sprintf("1x%d", hours(3))),
				ok("a", fmt.Sprintf("0+0.5x%d 60x60", hours(1))), bad(fmt.Sprintf("_x%d 0+0.5x60", hours(1))),
			},
			at: time.Hour + 15*time.Minute, fires: []string{"ErrorBudgetBurnsFast"},
		},
		"one request fails in a quiet night": {
			series: []series{
				up("a", fmt.Sprintf("1x%d", hours(3))),
				ok("a", constant(1, 3)), bad(fmt.Sprintf("_x%d 1x60", hours(2))),
			},
			at: 2*time.Hour + 4*time.Minute,
		},
		"nobody asks for anything in staging's night": {
			series: []series{up("a", fmt.Sprintf("1x%d", hours(6))), ok("a", fmt.Sprintf("5x%d", hours(6)))},
			at:     6 * time.Hour,
		},
		"a burst of failures is the first that a counter tells": {
			// It is born with 40,000: a rate sees only what comes after.
			series: append(healthy("a", 2), bad(fmt.Sprintf("_x%d 40000x20", hours(1)))),
			at:     time.Hour + 2*time.Minute, fires: []string{"ErrorBudgetBurnsFast"},
		},
		"a task is replaced, and its counters with it": {
			series: append(append(healthy("a", 3), up("b", fmt.Sprintf("1x%d _x%d", hours(1), hours(2))), ok("b", fmt.Sprintf("0+7500x%d _x%d", hours(1), hours(2)))),
				up("c", fmt.Sprintf("_x%d 1x%d", hours(1), hours(2))), ok("c", fmt.Sprintf("_x%d 0+7500x%d", hours(1), hours(2)))),
			at: time.Hour + 5*time.Minute,
		},
		"a counter starts again after a restart in place": {
			series: append(without(healthy("a", 3), `status="200"`), ok("a", fmt.Sprintf("0+7500x%d 0+7500x%d", hours(1), hours(2))), bad(fmt.Sprintf("50x%d 0x%d", hours(1), hours(2)))),
			at:     time.Hour + 4*time.Minute,
		},
		"a release runs beside the one before": {
			series: append(healthy("blue", 3), healthy("green", 3)...),
			at:     2 * time.Hour,
		},
		"a release refuses every deposit with 400": {
			series: weekly(func(operation string) string { return after(operation == "deposits", 0) }),
			long:   true, at: week + 90*time.Minute, fires: []string{"OperationMissing operation=deposit"},
		},
		"all traffic is gone: each operation says so, once": {
			series: weekly(func(string) string { return after(true, 0) }),
			long:   true, at: week + 90*time.Minute,
			fires: []string{
				"OperationMissing operation=creation", "OperationMissing operation=deposit", "OperationMissing operation=withdrawal",
				"OperationMissing operation=transfer", "OperationMissing operation=query",
			},
		},
		"a third of last week's traffic on a holiday": {
			series: weekly(func(string) string { return after(true, 1000) }),
			long:   true, at: week + 150*time.Minute,
		},
		"Kafka refuses one event in a while": {
			series: append(healthy("a", 2), of("a", "wallet_outbox_events_failed_total", constant(2, 2))),
			at:     time.Hour, fires: []string{"OutboxFailing"},
		},
		"Kafka refuses every event": {
			series: append(without(healthy("a", 2), "published_total"),
				of("a", "wallet_outbox_events_published_total", fmt.Sprintf("0+7500x%d %dx%d", hours(1), 7500*hours(1), hours(1))),
				of("a", "wallet_outbox_events_failed_total", fmt.Sprintf("0x%d 0+50x%d", hours(1), hours(1)))),
			at: time.Hour + 25*time.Minute, fires: []string{"OutboxFailing", "OutboxStopped"},
		},
		"deposits take half a second on average": {
			series: append(healthy("a", 2),
				of("a", "wallet_operations_deposit_duration_seconds_count", constant(3000, 2)),
				of("a", "wallet_operations_deposit_duration_seconds_sum", constant(1500, 2))),
			at: time.Hour, fires: []string{"WalletOperationSlow operation=deposit"},
		},
		"no collector is heard": {
			series: []series{up("a", fmt.Sprintf("1x%d _x%d", hours(1), hours(1)))},
			at:     time.Hour + 25*time.Minute, fires: []string{"MetricsMissing"},
		},
		"the collectors are heard and no application answers them": {
			series: []series{up("a", fmt.Sprintf("1x%d 0x%d", hours(1), hours(1)))},
			at:     time.Hour + 25*time.Minute, fires: []string{"MetricsMissing"},
		},
		"tasks are heard again after a gap: their old failures wake nobody again": {
			series: append([]series{up("a", fmt.Sprintf("1x%d", hours(3))), ok("a", fmt.Sprintf("0+7500x%d _x30 1200000+7500x%d", hours(1), hours(1)))},
				bad(fmt.Sprintf("60000x%d _x30 60000x%d", hours(1), hours(1)))),
			at: time.Hour + 17*time.Minute, fires: []string{"ErrorBudgetBurnsSlowly"}, // of the day
		},
		"the region is lost and comes back": {
			series: []series{
				up("a", fmt.Sprintf("1x%d _x%d 1x%d", hours(1), hours(1), hours(1))),
				ok("a", fmt.Sprintf("0+7500x%d _x%d 0+7500x%d", hours(1), hours(1), hours(1))),
			},
			at: 2*time.Hour + 10*time.Minute,
		},
	}
}

// weekly is a task that reads for a week and an hour what it always did, 3,000 of each
// operation a minute, and then something else.
func weekly(then func(operation string) string) []series {
	all := []series{up("a", fmt.Sprintf("1x%d", (7*24+4)*int(time.Hour/time.Minute)))}
	for _, operation := range []string{"created", "deposits", "withdrawals", "transfers", "queries"} {
		all = append(all, of("a", "wallet_operations_"+operation+"_total", then(operation)))
	}
	return all
}

// after is a counter's week and an hour at 3,000 a minute, and three hours at perMinute
// where something changes.
func after(changes bool, perMinute int) string {
	if !changes {
		perMinute = 3000
	}
	const minutes = (7*24 + 1) * 60
	return fmt.Sprintf("0+3000x%d %d+%dx180", minutes, 3000*minutes, perMinute)
}

type object = map[string]any

// TestTheRulesSpeakWhenTheyMustAndElseAreSilent runs every scenario on the rules of each
// environment's templates.
func TestTheRulesSpeakWhenTheyMustAndElseAreSilent(t *testing.T) {
	promtool := engines.Find(t, "promtool", "prometheus")
	judged := map[string]bool{}
	for _, environment := range []string{"production", "staging"} {
		data := rulesOf(t, engines.Stacks(t, environment))
		if judged[data] {
			continue // the same rules say the same
		}
		judged[data] = true
		for name, s := range scenarios() {
			t.Run(environment+"/"+name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				write(t, filepath.Join(dir, "rules.yaml"), data)
				write(t, filepath.Join(dir, "test.yaml"), testFile(t, data, s))
				command := exec.Command(promtool, "test", "rules", "test.yaml")
				command.Dir = dir
				out, err := command.CombinedOutput()
				require.NoErrorf(t, err, "%s", out)
			})
		}
	}
}

// rulesOf is the text of the one rules file of an environment's first region.
func rulesOf(t *testing.T, stacks []cfn.Stack) string {
	t.Helper()
	for _, stack := range stacks {
		for _, r := range stack.Template.OfType("AWS::APS::RuleGroupsNamespace") {
			if data, isText := r.Properties["Data"].(string); isText && stack.Region == "sa-east-1" {
				return data
			}
		}
	}
	t.Fatal("no rules in the templates")
	return ""
}

func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
}

// testFile is a scenario in promtool's format. Every alert of the rules is asked for, so
// that what must be silent is held silent; labels and annotations are the rules' own,
// which other tests judge.
func testFile(t *testing.T, data string, s scenario) string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Record       string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(data), &file))
	var input, asked []object
	for _, one := range s.series {
		input = append(input, object{"series": one.name, "values": one.values})
	}
	missed := slices.Clone(s.fires)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			expected := []object{}
			for _, firing := range s.fires {
				if strings.Fields(firing)[0] == rule.Alert {
					expected = append(expected, object{"exp_labels": labelsOf(rule.Labels, firing), "exp_annotations": rule.Annotations})
				}
			}
			missed = slices.DeleteFunc(missed, func(firing string) bool { return strings.Fields(firing)[0] == rule.Alert })
			asked = append(asked, object{"eval_time": promTime(s.at), "alertname": rule.Alert, "exp_alerts": expected})
		}
	}
	require.Empty(t, missed, "no rule has the name of an alert that must fire")
	interval, every := scrape, time.Minute
	if s.long {
		interval, every = time.Minute, 5*time.Minute
	}
	text, err := yaml.Marshal(object{
		"rule_files": []string{"rules.yaml"}, "evaluation_interval": promTime(every),
		"tests": []object{{"interval": promTime(interval), "input_series": input, "alert_rule_test": asked}},
	})
	require.NoError(t, err)
	return string(text)
}

func promTime(d time.Duration) string { return fmt.Sprintf("%ds", int(d.Seconds())) }

// labelsOf are the labels of an expected alert: the rule's own, and those after the name.
func labelsOf(own map[string]string, firing string) object {
	labels := object{}
	for key, value := range own {
		labels[key] = value
	}
	for _, label := range strings.Fields(firing)[1:] {
		key, value, _ := strings.Cut(label, "=")
		labels[key] = value
	}
	return labels
}
