package assembly

import (
	"errors"
	"path/filepath"
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
// nobody acknowledged. It fails where no validator ran.
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
	Name       string `json:"pluginName"`
	Violations []struct {
		Rule        string `json:"ruleName"`
		Description string `json:"description"`
		Severity    string `json:"severity"`
		Constructs  []struct {
			Path string `json:"constructPath"`
		} `json:"violatingConstructs"`
	} `json:"violations"`
}

// findings gives one finding for each construct concerned.
func (p pluginReport) findings() []Finding {
	var findings []Finding
	for _, violation := range p.Violations {
		finding := Finding{Source: p.Name, Rule: violation.Rule, Description: violation.Description, Severity: violation.Severity}
		if len(violation.Constructs) == 0 {
			findings = append(findings, finding)
		}
		for _, construct := range violation.Constructs {
			finding.Construct = construct.Path
			findings = append(findings, finding)
		}
	}
	return findings
}
