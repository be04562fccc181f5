package mysql

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// piece is SQL of a document: a block, or a query between backticks.
type piece struct {
	place string // file and line
	text  string
}

var (
	block  = regexp.MustCompile("(?s)```sql\n(.*?)```")
	inline = regexp.MustCompile("`((?:SELECT|UPDATE|INSERT|DELETE|SHOW|KILL|CALL|GRANT|ALTER|CREATE|DROP) [^`\n]+)`")
	// cloudWatch are the queries of Metrics Insights, which no database reads.
	cloudWatch = regexp.MustCompile(`(?i)FROM (SCHEMA\(|"?AWS/)`)
)

// documented is all SQL of the documents.
func documented(t *testing.T) []piece {
	t.Helper()
	var all []piece
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, expression := range []*regexp.Regexp{block, inline} {
				for _, at := range expression.FindAllSubmatchIndex(content, -1) {
					line := 1 + strings.Count(string(content[:at[2]]), "\n")
					text := string(content[at[2]:at[3]])
					if !cloudWatch.MatchString(text) && strings.Contains(strings.TrimSpace(text), " ") {
						all = append(all, piece{place: filepath.Base(file) + ":" + strconv.Itoa(line), text: text})
					}
				}
			}
		}
	}
	return all
}

// statements are the statements of a piece without its comments.
func (p piece) statements() []string {
	var code strings.Builder
	for line := range strings.Lines(p.text) {
		before, _, _ := strings.Cut(line, "-- ")
		code.WriteString(before + "\n")
	}
	var all []string
	for statement := range strings.SplitSeq(code.String(), ";") {
		if statement = strings.TrimSpace(statement); statement != "" {
			all = append(all, statement)
		}
	}
	return all
}

// the returns the only piece that has this text.
func the(t *testing.T, text string) piece {
	t.Helper()
	var found []piece
	for _, p := range documented(t) {
		if strings.Contains(p.text, text) {
			found = append(found, p)
		}
	}
	require.Len(t, found, 1, "pieces with %q", text)
	return found[0]
}

// phrase are words in capitals, such as "ALTER TABLE", which are no statement.
var phrase = regexp.MustCompile(`^[A-Z ]+$`)

func runsTheDocuments(t *testing.T, on table) {
	on.with(t, "r1").migrate(t, "none")
	ran := 0
	for _, p := range documented(t) {
		if strings.ContainsAny(p.text, "…") || strings.Contains(p.text, "-- kind:") || phrase.MatchString(p.text) {
			continue // a migration has a test of its own, and a form is nobody's to paste
		}
		for _, statement := range p.statements() {
			_, err := on.owner.ExecContext(t.Context(), statement)
			assert.NoError(t, err, "%s: %s", p.place, statement)
			ran++
		}
	}
	assert.Greater(t, ran, 4, "statements that were found in the documents")
}

// The publisher sends the oldest events that wait, a hundred every five seconds
// (docs/APPLICATION.md), and marks them with the time.
const batch = 100

func publishesAgain(t *testing.T, on table) {
	on.with(t, "r1").migrate(t, "none")
	session := on.owner
	lost := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	run := lost.Add(2 * time.Hour)
	// Before the loss, in the gap (more than two batches of the procedure), and after it,
	// published since; and one that waits.
	insert(t, session, "before", 500, lost.Add(-time.Hour))
	insert(t, session, "lost", 30_000, lost)
	insert(t, session, "after", 500, run)
	execute(t, session, "UPDATE outbox_events SET processed_at = NULL WHERE id = 'after-000499'")

	prelude, update := procedure(t, lost, run)
	for _, statement := range prelude {
		execute(t, session, statement)
	}
	published, rounds := map[string]int{}, 0
	for ; ; rounds++ {
		require.Less(t, rounds, 10, "repetitions: the procedure does not end")
		changed := execute(t, session, update)
		publish(t, session, run.Add(time.Duration(rounds+1)*time.Minute), published)
		if changed == 0 {
			break
		}
	}
	assert.Equal(t, 3, rounds, "batches of 10,000 for 30,000 events")
	assert.Len(t, published, 30_001, "the lost ones, and the one that waited")
	for id, times := range published {
		assert.Equal(t, 1, times, "%s was published again more than once", id)
		assert.True(t, strings.HasPrefix(id, "lost-") || id == "after-000499", "%s was not lost", id)
	}
}

// procedure is the one of the runbook with the times of the test: what is done once,
// and what is repeated.
func procedure(t *testing.T, lost, run time.Time) (prelude []string, update string) {
	t.Helper()
	text := the(t, "processed_at = NULL")
	const form = "2006-01-02 15:04:05.000000"
	for _, variable := range []struct {
		name  string
		value time.Time
	}{{"@lost", lost}, {"@run", run}} {
		set := regexp.MustCompile(`SET ` + variable.name + ` = '[^']*'`)
		require.Len(t, set.FindAllString(text.text, -1), 1, "%s sets %s once", text.place, variable.name)
		text.text = set.ReplaceAllString(text.text, "SET "+variable.name+" = '"+variable.value.Format(form)+"'")
	}
	all := text.statements()
	last := all[len(all)-1]
	require.True(t, strings.HasPrefix(last, "UPDATE "), "%s: the last statement is the one that is repeated", text.place)
	return all[:len(all)-1], last
}

// insert adds events that were published, one each hundred milliseconds.
func insert(t *testing.T, session *sql.Conn, name string, count int, since time.Time) {
	t.Helper()
	execute(t, session, "SET cte_max_recursion_depth = ?", count)
	execute(t, session, `INSERT INTO outbox_events (id, aggregate_type, aggregate_id, event_type, event_data, created_at, processed_at)
		WITH RECURSIVE row_ AS (SELECT 0 AS n UNION ALL SELECT n + 1 FROM row_ WHERE n + 1 < ?)
		SELECT CONCAT(?, '-', LPAD(n, 6, '0')), 'Wallet', 'w', 'Deposited', '{}', ?, ? + INTERVAL n * 100000 MICROSECOND FROM row_`,
		count, name, since, since)
}

// publish does what the application's publisher does until nothing waits.
func publish(t *testing.T, session *sql.Conn, now time.Time, published map[string]int) {
	t.Helper()
	for {
		rows, err := session.QueryContext(t.Context(), "SELECT id FROM outbox_events WHERE processed_at IS NULL ORDER BY created_at LIMIT ?", batch)
		require.NoError(t, err)
		var ids []any
		for rows.Next() {
			var id string
			require.NoError(t, rows.Scan(&id))
			published[id]++
			ids = append(ids, id)
		}
		require.NoError(t, rows.Err())
		if len(ids) == 0 {
			return
		}
		marks := strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")
		execute(t, session, "UPDATE outbox_events SET processed_at = ? WHERE id IN ("+marks+")", append([]any{now}, ids...)...)
	}
}

// execute returns the number of rows that a statement changed.
func execute(t *testing.T, session *sql.Conn, statement string, values ...any) int64 {
	t.Helper()
	result, err := session.ExecContext(context.WithoutCancel(t.Context()), statement, values...)
	require.NoError(t, err, "%s", statement)
	changed, err := result.RowsAffected()
	require.NoError(t, err)
	return changed
}

// The example in docs/DEPLOYMENT.md: A knows three versions, B adds the column, C
// drops the one that B no longer asks for.
func refusesTheBrokenRelease(t *testing.T, on table) {
	a, b, c := on.with(t, "a"), on.with(t, "b", addPurpose), on.with(t, "c", addPurpose, the(t, "-- kind: contract").text)
	a.migrate(t, "none")
	b.migrate(t, "a")
	status, said := a.run(t, "check")
	assert.Equal(t, 0, status, "A returns while B's expand is all there is: %s", said)

	status, said = c.run(t, "up", "--serving", "a")
	assert.NotEqual(t, 0, status, "the contract ran while A served: %s", said)
	c.migrate(t, "b")
	status, said = b.run(t, "check")
	assert.Equal(t, 0, status, "B returns after the contract: %s", said)
	status, said = a.run(t, "check")
	assert.Equal(t, 3, status, "A is refused after the contract: %s", said)
}
