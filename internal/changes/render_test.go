package changes

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// mixed is a report with several verdicts, one of them acknowledged.
func mixed(t *testing.T) Report {
	t.Helper()
	before := map[string]string{
		"wallet-staging-data": resources(one("Cluster", "AWS::RDS::DBCluster", `"StorageEncrypted": true, "BackupRetentionPeriod": 7`, snapshotted, `"Metadata": {"aws:cdk:path": "Staging/Data/Database/Cluster"}`) + "," +
			one("Writer", instance, `"DBClusterIdentifier": {"Ref": "Cluster"}, "DBInstanceClass": "db.r6g.large"`) + "," + one("Topic", "AWS::SNS::Topic", `"DisplayName": "a"`)),
		"wallet-staging-compute": resources(pairs["a rule with other weights"].before + "," + statement(`{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}`)),
	}
	after := map[string]string{
		"wallet-staging-data": resources(one("Cluster", "AWS::RDS::DBCluster", `"StorageEncrypted": false, "BackupRetentionPeriod": 1`, snapshotted, `"Metadata": {"aws:cdk:path": "Staging/Data/Database/Cluster"}`) + "," +
			one("Writer", instance, `"DBClusterIdentifier": {"Ref": "Cluster"}, "DBInstanceClass": "db.r6g.xlarge"`) + "," + one("Topic", "AWS::SNS::Topic", `"DisplayName": "b"`)),
		"wallet-staging-compute": resources(pairs["a rule with other weights"].after + "," + statement(`{"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*"}`)),
	}
	report := compare(t, before, after)
	interrupts := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Verdict == Interrupts })
	read, err := ReadAcknowledgements([]byte("acknowledged:\n" + strings.ReplaceAll(indent(Suggestion(report.Findings[interrupts])), `reason: ""`, "reason: in the quiet hour, see the plan")))
	require.NoError(t, err)
	return read.Acknowledge(report, []string{"wallet-staging-data"}, today)
}

// golden compares with a committed file, which -update rewrites.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "run go test ./internal/changes -update, and read the difference")
}

func TestTheReportReadsAsCommitted(t *testing.T) {
	report := mixed(t)
	for name, render := range map[string]func(*strings.Builder) error{
		"report.txt":  func(out *strings.Builder) error { return report.Text(out) },
		"report.md":   func(out *strings.Builder) error { return report.Markdown(out) },
		"report.json": func(out *strings.Builder) error { return report.JSON(out) },
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			require.NoError(t, render(&out))
			golden(t, name, out.String())
		})
	}
}

func TestAProgramReadsWhatAPersonReads(t *testing.T) {
	var out strings.Builder
	report := mixed(t)
	require.NoError(t, report.JSON(&out))
	var read struct {
		Summary string
		Passes  bool
		Worst   string
		Open    int
		Report
	}
	require.NoError(t, json.Unmarshal([]byte(out.String()), &read))
	assert.Equal(t, report.Findings, read.Findings)
	assert.Equal(t, "destroys", read.Worst)
	assert.Equal(t, report.Open(), read.Open)
	assert.False(t, read.Passes)
}

// many is a report with as many findings as asked for in each of two stacks.
func many(number int) Report {
	var report Report
	for i := range number {
		for _, stack := range []string{"a", "b"} {
			verdict := Verdicts()[i%len(Verdicts())]
			report.Findings = append(report.Findings, Finding{
				Stack: stack, Resource: fmt.Sprintf("Resource%d", i), Type: "AWS::X::Y", Verdict: verdict,
				Details: []Detail{{Text: strings.Repeat("é ", 40), Change: fingerprint(stack, strconv.Itoa(i))}},
			})
		}
	}
	report.sort()
	return report
}

// GitHub refuses a longer comment, and then nobody reads any of it.
func TestACommentIsNeverTooLongAndSaysWhatIsMissing(t *testing.T) {
	for _, number := range []int{0, 1, 100, 2000} {
		var out strings.Builder
		report := many(number)
		require.NoError(t, report.Markdown(&out))
		assert.LessOrEqual(t, utf8.RuneCountInString(out.String()), mostCharacters)
		shown := strings.Count(out.String(), "\n- **")
		open := strings.Count(out.String(), "  - stack: ")
		more := regexp.MustCompile(`And (\d+) more, (\d+) of them`).FindStringSubmatch(out.String())
		if shown == len(report.Findings) {
			assert.Nil(t, more)
			continue
		}
		require.NotNil(t, more, "the rest must be counted")
		left, err := strconv.Atoi(more[1])
		require.NoError(t, err)
		leftOpen, err := strconv.Atoi(more[2])
		require.NoError(t, err)
		assert.Equal(t, len(report.Findings), shown+left)
		assert.Equal(t, report.Open(), open+leftOpen)
		assert.Positive(t, strings.Count(out.String(), "- **destroys state**"), "the worst is not what is left out")
		assert.Zero(t, strings.Count(out.String(), "- **safe**"), "the harmless is")
	}
}

// What is not folded is read: it fits a screen, whatever changes.
func TestWhatIsNotFoldedFitsAScreen(t *testing.T) {
	for _, number := range []int{0, 1, 2000} {
		report := many(number)
		for i := range number {
			report.Notes = append(report.Notes, fmt.Sprint("a note ", i))
		}
		var out strings.Builder
		require.NoError(t, report.Markdown(&out))
		unfolded := regexp.MustCompile(`(?s)<details>.*?</details>`).ReplaceAllString(out.String(), "")
		assert.LessOrEqual(t, strings.Count(unfolded, "\n"), 50)
		assert.Contains(t, unfolded, "**Next:**")
	}
}

// What stands in a template must not become a link, a mention or an element of the
// comment.
func TestATemplateCannotWriteIntoTheComment(t *testing.T) {
	evil := "</details><img src=x onerror=alert(1)> @everyone [link](https://example.org) `code` **bold** | #1 \n\n# heading"
	value, err := json.Marshal(evil)
	require.NoError(t, err)
	report := compare(t, map[string]string{"s": resources(one("A", "AWS::S3::Bucket", `"BucketName": "a"`, deleted))},
		map[string]string{"s": resources(one("A", "AWS::S3::Bucket", `"BucketName": `+string(value), deleted))})
	var out strings.Builder
	require.NoError(t, report.Markdown(&out))
	assert.NotContains(t, out.String(), "<img")
	assert.NotContains(t, out.String(), "@everyone")
	assert.NotContains(t, out.String(), "\n# heading")
	var page strings.Builder
	require.NoError(t, goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert([]byte(out.String()), &page))
	assert.NotContains(t, page.String(), `href="https://example.org"`)
	assert.NotContains(t, page.String(), "<strong>bold")
	assert.NotContains(t, page.String(), "<h1>")
}
