package delivery

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"wallet-infra/internal/account"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/schema"
)

// consequences compares the selected stacks with what is deployed of them. What
// the repository acknowledges (.github/acknowledged-changes.yaml) is acknowledged
// here; whether those entries are still needed is a question for pull requests.
func (s *Session) consequences(ctx context.Context, ready readied) (changes.Report, error) {
	work, err := os.MkdirTemp("", "wallet-deliver-")
	if err != nil {
		return changes.Report{}, err
	}
	defer func() { _ = os.RemoveAll(work) }()
	before, after := filepath.Join(work, "deployed"), filepath.Join(work, "pending")
	if err := errors.Join(os.Mkdir(before, 0o700), os.Mkdir(after, 0o700)); err != nil {
		return changes.Report{}, err
	}
	for _, stack := range ready.selected {
		if err := os.WriteFile(filepath.Join(after, stack.Name+".json"), stack.Raw, 0o600); err != nil {
			return changes.Report{}, err
		}
		if !ready.seen[stack.Name].Exists() {
			continue
		}
		deployed, err := s.stacks.Template(ctx, stack.Region, stack.Name, "")
		if err != nil {
			return changes.Report{}, fmt.Errorf("%s: %s", stack.Name, account.Explain(err))
		}
		if err := os.WriteFile(filepath.Join(before, stack.Name+".json"), deployed, 0o600); err != nil {
			return changes.Report{}, err
		}
	}
	return s.compare(before, after)
}

// compare judges the way from one directory of templates to another.
func (s *Session) compare(before, after string) (changes.Report, error) {
	base, baseErr := changes.Load(before)
	head, headErr := changes.Load(after)
	acknowledged, ackErr := changes.LoadAcknowledgements(filepath.Join(s.CDK.Dir, changes.AcknowledgedFile))
	if errors.Is(ackErr, fs.ErrNotExist) {
		ackErr = nil
	}
	if err := errors.Join(baseErr, headErr, ackErr); err != nil {
		return changes.Report{}, err
	}
	types, err := changes.LoadSchemas(filepath.Join(s.CDK.Dir, schema.Database), base, head)
	if err != nil {
		return changes.Report{}, err
	}
	report := acknowledged.Acknowledge(changes.Compare(base, head, types), head.Stacks(), time.Now().UTC())
	report.Notes, report.Problems = nil, nil
	return report, nil
}

// grave are the findings that nobody acknowledged and that cost more than
// attention: a resource is replaced, left behind or lost, or nobody can say.
func grave(report changes.Report) []string {
	var found []string
	for _, finding := range report.Findings {
		if finding.Verdict >= changes.Replaces && finding.NeedsAcknowledgement() {
			found = append(found, fmt.Sprintf("%s: %s %s %s", finding.Title(), finding.Stack, finding.Resource, finding.Type))
		}
	}
	return found
}

// showConsequences says what the deployment does to what is deployed.
func (s *Session) showConsequences(report changes.Report) error {
	s.Console.Say("what this does to what is deployed:")
	if err := report.Text(s.Console.Out); err != nil {
		return err
	}
	s.Console.List("not without a person, or an entry in "+changes.AcknowledgedFile+":", grave(report))
	return nil
}

// consent asks before a change. --yes was said before anybody saw what changes, so
// it does not cover what is grave: that takes a reviewed entry in the repository,
// or a person at a terminal who has read it and types the environment's name.
func (s *Session) consent(ctx context.Context, question string, report changes.Report, yes bool) error {
	count := len(grave(report))
	if count == 0 {
		return s.Console.Approve(ctx, question, yes)
	}
	if !s.Console.Terminal {
		return exit.With(exit.Refused, "%d changes, listed above, replace, leave behind or destroy what is deployed, or cannot be judged, and nobody acknowledged them: put them into %s with a reason and have that reviewed, or let a person deploy at a terminal (--yes is not enough); nothing was changed", count, changes.AcknowledgedFile)
	}
	return s.Console.Confirm(ctx, fmt.Sprintf("%s\n%d changes, listed above, replace, leave behind or destroy what is deployed, or cannot be judged.", question, count), s.Env.Name)
}
