package assembly

import "path/filepath"

// Finding is something that CloudFormation Validate or an annotation objects to.
type Finding struct {
	Rule, Description, Severity string
	Construct                   string // the path of the first construct concerned
}

// Findings reads the validation report of the assembly in dir: the findings that
// nobody acknowledged. It fails where there is no report, which means that
// validation did not run.
func Findings(dir string) ([]Finding, error) {
	var report struct {
		PluginReports []struct {
			Violations []struct {
				RuleName            string `json:"ruleName"`
				Description         string `json:"description"`
				Severity            string `json:"severity"`
				ViolatingConstructs []struct {
					ConstructPath string `json:"constructPath"`
				} `json:"violatingConstructs"`
			} `json:"violations"`
		} `json:"pluginReports"`
	}
	if err := readJSON(filepath.Join(dir, "validation-report.json"), &report); err != nil {
		return nil, err
	}
	var findings []Finding
	for _, plugin := range report.PluginReports {
		for _, violation := range plugin.Violations {
			finding := Finding{Rule: violation.RuleName, Description: violation.Description, Severity: violation.Severity}
			if len(violation.ViolatingConstructs) > 0 {
				finding.Construct = violation.ViolatingConstructs[0].ConstructPath
			}
			findings = append(findings, finding)
		}
	}
	return findings, nil
}
