package drill

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"wallet-infra/internal/drill/cloud"
	"wallet-infra/internal/drill/plan"
)

// Report is the evidence of one rehearsal.
type Report struct {
	Name, What    string
	Mode          plan.Mode
	Endpoint      string // what stood there
	Clock         string // real or virtual
	Started       time.Time
	Budget        plan.Budget
	Measured      time.Duration // of the failover plan's steps
	Steps         time.Duration // the same steps' budget
	Loss          Lost
	Failover      Phase
	Failback      Phase
	Interruptions []Interruption
	Checks        []Check
	// Calls is how often each operation was called in each region after the loss.
	Calls     map[string]int
	NotProven []string
	// Error is why the rehearsal could not be carried through; empty where it was.
	Error string
}

// Phase is one plan's execution.
type Phase struct {
	Plan, Target string
	State        State
	Stands, Next string
	Records      []Record
	History      []Event
}

// Lost is the work that a failover may have lost, beside what was promised.
type Lost struct {
	// Lag was read before the promotion; negative where nobody knows it.
	Lag, Objective time.Duration
	// Accepted says that a person took the loss on.
	Accepted bool
}

// String is the sentence for the report.
func (l Lost) String() string {
	text := fmt.Sprintf("the secondary's lag before the promotion: %s; objective: %s", showLag(l.Lag), l.Objective)
	if l.Accepted {
		text += "; a person accepted the loss"
	}
	return text
}

// Interruption is a state in which a fault left the system, and the way out.
type Interruption struct {
	State             State
	Why, Stands, Next string
}

// NotProven is what no emulator can show.
func NotProven() []string {
	return []string{
		"real durations: what is measured here is the order of the steps and their waiting, not how long Aurora, ECS and Route 53 take",
		"real capacity: that us-east-1 has Fargate, database and address capacity for the whole load on the day, and the quotas for it",
		"Region switch itself: its evaluation, its permissions, its health checks, its reports and its data plane in each region; the drill acts the plan's steps in its place",
		"the detection: that Route 53's checkers and CloudWatch notice the loss in the time that the budget gives them",
		"people: how long a decision and an approval take",
		"DNS outside Route 53: resolvers and clients that keep an answer longer than its time to live",
		"replication: the lag is set, not grown by writes, and no row is compared",
		"the service: no container runs and no transfer is made",
		"deletion protection and permissions: the drill's resources have neither",
	}
}

func newReport(lab Lab, settings Settings) Report {
	report := Report{
		Name: settings.Name(), Mode: settings.Mode, Endpoint: lab.Kind, Clock: lab.Clock.Kind(),
		Started: time.Now().UTC().Truncate(time.Second), NotProven: NotProven(),
	}
	report.What = map[plan.Mode]string{
		plan.Graceful: "a planned change of region: switchover", plan.Ungraceful: "the loss of the region: failover",
	}[settings.Mode]
	if fault, err := findFault(settings.Fault); err == nil && fault.Name != "" {
		report.What = fault.What
	}
	budget, err := plan.BudgetOf(settings.Blueprint.Failover, settings.Blueprint.Secondary, settings.Mode, settings.Blueprint.Child)
	if err != nil {
		report.Error = err.Error()
	}
	report.Budget, report.Steps = budget, budget.Total()
	report.Budget.Parts = slices.Concat(settings.Before, budget.Parts, settings.After)
	return report
}

// finish takes the journals into the report.
func (r *rehearsal) finish() {
	r.report.Loss = Lost{Lag: r.failover.Lag, Objective: r.RPO, Accepted: r.failover.LossAccepted}
	r.report.Failover, r.report.Failback = phase(r.failover), phase(r.failback)
	for _, record := range r.failover.Records {
		if !strings.Contains(record.Path, "/") {
			r.report.Measured += record.Took()
		}
	}
}

func phase(j *Journal) Phase {
	return Phase{Plan: j.Plan, Target: j.Target, State: j.State, Stands: j.Stands, Next: j.Next, Records: j.Records, History: j.History}
}

func summarize(calls []cloud.Call) map[string]int {
	counts := map[string]int{}
	for _, call := range calls {
		counts[call.Region+" "+call.Service+" "+call.Operation]++
	}
	return counts
}

// Passed says whether the rehearsal was carried through and every check held.
func (r Report) Passed() bool {
	return r.Error == "" && len(r.Checks) > 0 && !slices.ContainsFunc(r.Checks, func(c Check) bool { return !c.OK })
}

// Write puts the report beside the journals, for people and for programs.
func (r Report) Write(directory string) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(directory, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(directory, r.Name+".json"), append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(directory, r.Name+".md"), []byte(r.Markdown()), 0o600)
}

// Markdown is the report for people.
func (r Report) Markdown() string {
	var b strings.Builder
	verdict := "passed"
	if !r.Passed() {
		verdict = "FAILED"
	}
	fmt.Fprintf(&b, "# Drill %s: %s\n\n%s, %s mode, at %s, on a %s clock, %s.\n", r.Name, verdict, sentence(r.What), r.Mode, r.Endpoint, r.Clock, r.Started.Format(time.RFC3339))
	if r.Error != "" {
		fmt.Fprintf(&b, "\nIt was not carried through: %s\n", r.Error)
	}
	fmt.Fprintf(&b, "\n## Recovery time\n\nMeasured here is not measured on AWS: see the last section.\n\n| part | budget | measured | from |\n| --- | --- | --- | --- |\n")
	measured := map[string]time.Duration{}
	for _, record := range r.Failover.Records {
		measured[record.Path] += record.Took()
	}
	for _, part := range r.Budget.Parts {
		took := "not here"
		if d, ok := measured[part.Name]; ok {
			took = d.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", part.Name, part.Length, took, part.Source)
	}
	fmt.Fprintf(&b, "| **sum** | %s | %s of the plan's %s | objective: %s |\n", r.Budget.Total(), r.Measured, r.Steps, r.Budget.Objective)
	r.markdownLoss(&b)
	r.Failover.markdown(&b, "Failover")
	for _, stop := range r.Interruptions {
		fmt.Fprintf(&b, "\n### Interrupted: %s\n\n- why: %s\n- what is true then: %s\n- what to do: %s\n", stop.State, stop.Why, stop.Stands, stop.Next)
	}
	r.Failback.markdown(&b, "Failback")
	b.WriteString("\n## Checks\n\n| | after the | check | seen |\n| --- | --- | --- | --- |\n")
	for _, check := range r.Checks {
		mark := "ok"
		if !check.OK {
			mark = "**FAILED**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", mark, check.After, check.Name, cell(check.Detail))
	}
	b.WriteString("\n## Calls after the loss\n\n| region, service, operation | times |\n| --- | --- |\n")
	for _, name := range slices.Sorted(maps.Keys(r.Calls)) {
		fmt.Fprintf(&b, "| %s | %d |\n", name, r.Calls[name])
	}
	b.WriteString("\n## What this does not prove\n\n")
	for _, line := range r.NotProven {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	return b.String()
}

func (r Report) markdownLoss(b *strings.Builder) {
	said := sentence(r.Loss.String())
	if r.Mode == plan.Graceful {
		said = "A switchover waits until both databases are in step, and loses nothing"
	}
	fmt.Fprintf(b, "\n## Recovery point\n\n%s.\n", said)
}

func (p Phase) markdown(b *strings.Builder, title string) {
	fmt.Fprintf(b, "\n## %s\n\nPlan %s, to %s: %s: %s.\n\n| step | attempt | block | status | time-out | took | note |\n| --- | --- | --- | --- | --- | --- | --- |\n",
		title, p.Plan, p.Target, p.State, p.Stands)
	for _, record := range p.Records {
		fmt.Fprintf(b, "| %s | %d | %s | %s | %s | %s | %s |\n", record.Path, record.Attempt, record.Block, record.Status, record.Budget, record.Took(), cell(record.Note))
	}
}

// sentence begins a text with a capital letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// cell keeps a text within its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "\n", "; ").Replace(text)
}
