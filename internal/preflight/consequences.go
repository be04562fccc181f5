package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"wallet-infra/internal/account"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
	"wallet-infra/internal/exit"
	"wallet-infra/internal/schema"
)

// judge compares the selected stacks with what is deployed of them. What the
// repository acknowledges (.github/acknowledged-changes.yaml) is acknowledged here;
// whether those entries are still needed is a question for pull requests.
func (l *look) judge(ctx context.Context) {
	var err error
	if l.Report, err = l.compare(ctx); err != nil {
		l.found.Problem("what changes could not be judged: %s", err)
	}
}

// compare judges the way from the templates of the selected stacks as they are
// deployed to those that would be.
func (l *look) compare(ctx context.Context) (changes.Report, error) {
	before, after := map[string][]byte{}, map[string][]byte{}
	for _, stack := range l.Selected {
		after[stack.Name] = stack.Raw
		if !l.Live[stack.Name].Exists() {
			continue
		}
		deployed, err := l.stacks.Template(ctx, stack.Region, stack.Name, "")
		if err != nil {
			return changes.Report{}, fmt.Errorf("%s: %s", stack.Name, account.Explain(err))
		}
		before[stack.Name] = deployed
	}
	base, baseErr := changes.ReadSet(before)
	head, headErr := changes.ReadSet(after)
	acknowledged, ackErr := changes.LoadAcknowledgements(filepath.Join(l.Checkout, changes.AcknowledgedFile))
	if errors.Is(ackErr, fs.ErrNotExist) {
		ackErr = nil
	}
	if err := errors.Join(baseErr, headErr, ackErr); err != nil {
		return changes.Report{}, err
	}
	types, err := changes.LoadSchemas(filepath.Join(l.Checkout, schema.Database), base, head)
	if err != nil {
		return changes.Report{}, err
	}
	report := acknowledged.Acknowledge(changes.Compare(base, head, types), head.Stacks(), time.Now().UTC())
	report.Notes, report.Problems = nil, nil
	l.access = l.checkAccess(ctx, base, head, report)
	return report, nil
}

// blocking are the findings that nobody acknowledged and that cost more than
// attention: a resource is replaced, left behind or lost, or nobody can say.
func (p Plan) blocking() []string {
	var found []string
	for _, finding := range p.Report.Findings {
		if finding.Verdict >= changes.Replaces && finding.NeedsAcknowledgement() {
			found = append(found, fmt.Sprintf("%s: %s %s %s", finding.Title(), finding.Stack, finding.Resource, finding.Type))
		}
	}
	return found
}

// Show says what the deployment does to what is deployed.
func (p Plan) Show(to console.Console) error {
	to.Say("what this does to what is deployed:")
	if err := p.Report.Text(to.Out); err != nil {
		return err
	}
	p.access.show(to)
	to.List("not without a person, or an entry in "+changes.AcknowledgedFile+":", p.blocking())
	return nil
}

// Consent asks before a change. --yes was said before anybody saw what changes, so
// it does not cover what blocks: that takes a reviewed entry in the repository, or a
// person at a terminal who has read it and types the environment's name.
func (p Plan) Consent(ctx context.Context, to console.Console, question, environment string, yes bool) error {
	count := len(p.blocking())
	if count == 0 {
		return to.Approve(ctx, question, yes)
	}
	if !to.Terminal {
		return exit.With(exit.Refused, "%d changes, listed above, replace, leave behind or destroy what is deployed, or cannot be judged, and nobody acknowledged them: put them into %s with a reason and have that reviewed, or let a person deploy at a terminal (--yes is not enough); nothing was changed", count, changes.AcknowledgedFile)
	}
	return to.Confirm(ctx, fmt.Sprintf("%s\n%d changes, listed above, replace, leave behind or destroy what is deployed, or cannot be judged.", question, count), environment)
}
