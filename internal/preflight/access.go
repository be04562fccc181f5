package preflight

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"wallet-infra/internal/account"
	"wallet-infra/internal/cfn"
	"wallet-infra/internal/changes"
	"wallet-infra/internal/console"
)

// access is what AWS's own analyzer says of the policies that change, beside the rules
// here: CheckNoNewAccess compares two policies by what they allow, however they are
// written. https://docs.aws.amazon.com/access-analyzer/latest/APIReference/API_CheckNoNewAccess.html
type access struct {
	grants  []string // new access, as far as the analyzer can say
	unknown []string // it was asked and gave no answer
	alone   []string // it cannot be asked
	none    int      // policies that grant nothing new
}

// checkAccess asks of a protected environment's policies: AWS charges for each check.
func (l *look) checkAccess(ctx context.Context, base, head changes.Set, report changes.Report) *access {
	if !l.Env.Protected {
		return nil
	}
	said := &access{}
	silent := "" // why nothing more is asked
	for _, policies := range changes.ChangedPolicies(base, head, l.Selected, report) {
		name := policies.Stack + " " + policies.Subject
		switch {
		// What goes may have been a denial.
		case policies.Before == "" || policies.After == "":
			said.alone = append(said.alone, name)
		case silent != "":
			said.unknown = append(said.unknown, name+": not asked any more")
		default:
			answer, err := l.compareAccess(ctx, policies)
			switch {
			case err != nil:
				said.unknown = append(said.unknown, name+": "+account.Explain(err))
				if !ofDocument(err) {
					silent = account.Explain(err)
				}
			case answer.Result == types.CheckNoNewAccessResultPass:
				said.none++
			case answer.Result == types.CheckNoNewAccessResultFail:
				said.grants = append(said.grants, name+": "+granted(answer, policies.Reported))
			default:
				said.unknown = append(said.unknown, fmt.Sprintf("%s: the answer is %q", name, answer.Result))
			}
		}
	}
	return said
}

// compareAccess asks about one subject, in its stack's region and with the caller's own
// permissions: the bootstrap's role for reading may not.
func (l *look) compareAccess(ctx context.Context, policies changes.Policies) (*accessanalyzer.CheckNoNewAccessOutput, error) {
	kind := types.AccessCheckPolicyTypeResourcePolicy
	if policies.Identity {
		kind = types.AccessCheckPolicyTypeIdentityPolicy
	}
	at := slices.IndexFunc(l.Selected, func(stack cfn.Stack) bool { return stack.Name == policies.Stack })
	client := accessanalyzer.NewFromConfig(l.Account.Writing(l.Selected[at].Region))
	return client.CheckNoNewAccess(ctx, &accessanalyzer.CheckNoNewAccessInput{
		ExistingPolicyDocument: &policies.Before, NewPolicyDocument: &policies.After, PolicyType: kind,
	})
}

// ofDocument says of an error that it is about one policy, and not about the service.
func ofDocument(err error) bool {
	return slices.Contains([]string{"InvalidParameterException", "UnprocessableEntityException", "ValidationException"}, account.Code(err))
}

// granted is AWS's reasoning, and whether the rules here say the same.
func granted(answer *accessanalyzer.CheckNoNewAccessOutput, reported bool) string {
	words := []string{aws.ToString(answer.Message)}
	for _, reason := range answer.Reasons {
		words = append(words, aws.ToString(reason.Description))
	}
	if !reported {
		words = append(words, "NO RULE HERE SAYS SO: read this policy before you approve")
	}
	return strings.Join(words, "; ")
}

// show prints what was said. Silence of the analyzer is never shown as an answer.
func (a *access) show(to console.Console) {
	if a == nil || len(a.grants)+len(a.unknown)+len(a.alone)+a.none == 0 {
		return
	}
	to.Say("what IAM Access Analyzer says of the policies that change (CheckNoNewAccess; AWS charges for each check: aws.amazon.com/iam/access-analyzer/pricing):")
	to.Say("%d policies grant nothing new", a.none)
	to.List("may grant new access:", a.grants)
	to.List("unknown, because AWS gave no answer; the rules above are all that judged these:", a.unknown)
	to.List("new or gone, so that AWS has nothing to compare with; the rules above are all that judged these:", a.alone)
}
