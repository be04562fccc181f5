package cfn

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Finding is something that a validator or an annotation objects to in one
// construct.
type Finding struct {
	Source                      string // [Annotations], or the validator's name
	Rule, Description, Severity string
	Construct                   string // its path; empty where the finding names none
}

// Annotations is the source of findings that constructs and aspects report
// themselves, cdk-nag among them.
const Annotations = "Construct Annotations"

// Findings reads the validation report of the assembly in dir: the findings that
// nobody acknowledged, and those that were silenced wider than an acknowledgement
// may reach. It fails where no validator ran.
func Findings(dir string) ([]Finding, error) {
	var report struct {
		Plugins []pluginReport `json:"pluginReports"`
	}
	if err := readJSON(filepath.Join(dir, "validation-report.json"), &report); err != nil {
		return nil, err
	}
	var findings []Finding
	validated := false
	for _, plugin := range report.Plugins {
		validated = validated || plugin.Name != Annotations
		findings = append(findings, plugin.findings()...)
	}
	if !validated {
		return nil, errors.New("no validator ran: is CDK_VALIDATION=false set?")
	}
	return findings, nil
}

// pluginReport is what one validator says.
type pluginReport struct {
	Name       string      `json:"pluginName"`
	Violations []violation `json:"violations"`
	Suppressed []violation `json:"suppressedViolations"`
}

// violation is one rule's objection to some constructs. Where it is suppressed,
// AcknowledgedAt is the path of the construct that answered it.
type violation struct {
	Rule           string `json:"ruleName"`
	Description    string `json:"description"`
	Severity       string `json:"severity"`
	AcknowledgedAt string `json:"acknowledgedAt"`
	Constructs     []struct {
		Path string `json:"constructPath"`
	} `json:"violatingConstructs"`
}

// findings gives one finding for each construct concerned.
func (p pluginReport) findings() []Finding {
	var findings []Finding
	for _, violation := range p.Violations {
		findings = append(findings, violation.findings(p.Name)...)
	}
	for _, violation := range p.Suppressed {
		if reason := violation.silencedTooWide(); p.Name != Annotations && reason != "" {
			violation.Description += " (" + reason + ")"
			findings = append(findings, violation.findings(p.Name)...)
		}
	}
	return findings
}

func (v violation) findings(source string) []Finding {
	finding := Finding{Source: source, Rule: v.Rule, Description: v.Description, Severity: v.Severity}
	if len(v.Constructs) == 0 {
		return []Finding{finding}
	}
	var findings []Finding
	for _, construct := range v.Constructs {
		finding.Construct = construct.Path
		findings = append(findings, finding)
	}
	return findings
}

// silencedTooWide says why a suppressed violation stays a finding. CDK's own
// constructs acknowledge rules too, for the unknown and the missing property among
// them, and its library once matched an acknowledgement over the whole tree.
func (v violation) silencedTooWide() string {
	if v.Severity != "warning" && v.Severity != "informational" {
		return "suppressed, but only warnings can be acknowledged"
	}
	if !strings.Contains(v.AcknowledgedAt, "/") {
		return fmt.Sprintf("suppressed for a whole environment, at %q", v.AcknowledgedAt)
	}
	for _, construct := range v.Constructs {
		if construct.Path != v.AcknowledgedAt && !strings.HasPrefix(construct.Path, v.AcknowledgedAt+"/") {
			return fmt.Sprintf("suppressed by the acknowledgement of another construct, %s", v.AcknowledgedAt)
		}
	}
	return ""
}
