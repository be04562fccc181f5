package migrations

import (
	"os"
	"regexp"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	expand   = "-- kind: expand\n"
	contract = "-- kind: contract\n-- floor: 1\n"
	create   = "CREATE TABLE one (id INT)"
)

// Each row breaks one rule; the others hold.
func TestASetThatCouldGoWrongIsRefusedBeforeItStarts(t *testing.T) {
	good := map[string]string{"0001_one": expand + create}
	for want, spoil := range map[string]func(fstest.MapFS){
		"no migration in the directory":                              func(f fstest.MapFS) { delete(f, "0001_one.up.sql") },
		"0001_one.down.sql: nothing runs a migration backward":       func(f fstest.MapFS) { f["0001_one.down.sql"] = text("") },
		"notes.txt: want a file 0001_name.up.sql":                    func(f fstest.MapFS) { f["notes.txt"] = text("") },
		"2_two.up.sql: want a file 0001_name.up.sql":                 func(f fstest.MapFS) { f["2_two.up.sql"] = text(expand + create) },
		"0000_zero.up.sql: want a number from 0001 on":               func(f fstest.MapFS) { f["0000_zero.up.sql"] = text(expand + create) },
		"version 0001: two files have it":                            func(f fstest.MapFS) { f["0001_two.up.sql"] = text(expand + create) },
		"version 0002: missing, before 0003_three":                   func(f fstest.MapFS) { f["0003_three.up.sql"] = text(expand + create) },
		`or "-- kind: contract", got kind ""`:                        func(f fstest.MapFS) { f["0002_two.up.sql"] = text(create) },
		`got kind "extend"`:                                          func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: extend\n" + create) },
		"an expand has no floor":                                     func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- floor: 1\n" + create) },
		"a contract wants a line":                                    func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n" + create) },
		`want a version from 1 to 1, which the release that serves`:  func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: 2\n" + create) },
		`meanwhile has, got "0"`:                                     func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: 0\n" + create) },
		`meanwhile has, got "one"`:                                   func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: one\n" + create) },
		"0002_two.up.sql: want one statement, got 2":                 func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + create + ";\n" + create + ";\n") },
		"0002_two.up.sql: want one statement, got 0":                 func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- later;\n;") },
		"an expand with DROP: make it a contract":                    func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "ALTER TABLE one\n  drop COLUMN id") },
		"an expand with MODIFY":                                      func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "ALTER TABLE one MODIFY id BIGINT") },
		"an expand with RENAME":                                      func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "/*!50000 RENAME TABLE one TO two */") },
		"an expand with TRUNCATE: make it a contract, or add a line": func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- because:\nTRUNCATE one") },
	} {
		set := files(good)
		spoil(set)
		_, err := Read(set)
		assert.ErrorContains(t, err, want)
	}
}

func text(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func TestEveryProblemOfASetIsReportedAtOnce(t *testing.T) {
	_, err := Read(files(map[string]string{"0002_a": create, "0002_b": contract + create + ";" + create, "0005_c": expand + "DROP TABLE a"}))
	for _, want := range []string{"0002_a.up.sql", "0002_b.up.sql", "0005_c.up.sql", "version 0001: missing", "version 0002: two files", "version 0003: missing"} {
		assert.ErrorContains(t, err, want)
	}
}

func TestWhatIsQuotedOrSaidInCommentsIsNoStatement(t *testing.T) {
	for _, code := range []string{
		"INSERT INTO a (b) VALUES ('DROP; it''s', \"RENAME;\", 'a\\';')",
		"CREATE TABLE `drop;` (id INT) -- DELETE; this\n",
		"CREATE TABLE a (id INT /* MODIFY; */) # TRUNCATE;\n;",
	} {
		_, err := Read(files(map[string]string{"0001_one": expand + code}))
		assert.NoError(t, err, code)
	}
}

func TestAReviewedExpandMayHoldAWordThatRemoves(t *testing.T) {
	_, err := Read(files(map[string]string{"0001_one": expand + "-- because: an index is nobody's but the server's\nDROP INDEX a ON b"}))
	assert.NoError(t, err)
}

func TestTheFloorIsTheHighestOfThoseBefore(t *testing.T) {
	set, err := Read(files(map[string]string{
		"0001_a": expand + create, "0002_b": expand + create, "0003_c": expand + create,
		"0004_d": "-- kind: contract\n-- floor: 3\n" + create, "0005_e": contract + create,
	}))
	require.NoError(t, err)
	for version, want := range []int{0, 0, 0, 0, 3, 3} {
		assert.Equal(t, want, set.floorAt(version), version)
	}
}

// The entities of the public wallet service at the time of writing: Wallet,
// Transaction and OutboxEvent, with the columns that Hibernate asks for. Quarkus
// keeps a field's name as the column's, so that two tables have capitals.
func TestTheFirstTablesHaveTheColumnsOfTheService(t *testing.T) {
	content := os.DirFS("../../cmd/migrate/sql")
	set, err := Read(content)
	require.NoError(t, err)
	require.GreaterOrEqual(t, set.Version(), 3)
	for name, want := range map[string][]string{
		"0001_wallets.up.sql":       {"id", "userId", "balance", "status", "createdAt", "updatedAt"},
		"0002_transaction.up.sql":   {"id", "walletId", "type", "amount", "referenceId", "description", "status", "destinationWalletId", "createdAt"},
		"0003_outbox_events.up.sql": {"id", "aggregate_type", "aggregate_id", "event_type", "event_data", "created_at", "processed_at", "version"},
	} {
		statement, err := os.ReadFile("../../cmd/migrate/sql/" + name)
		require.NoError(t, err)
		var columns []string
		for _, parts := range regexp.MustCompile(`(?m)^    (\w+) +[A-Z]+[( ]`).FindAllStringSubmatch(string(statement), -1) {
			if !slices.Contains([]string{"PRIMARY", "UNIQUE", "KEY"}, parts[1]) {
				columns = append(columns, parts[1])
			}
		}
		assert.Equal(t, want, columns, name)
		assert.NotContains(t, string(statement), "FLOAT", "money is decimal")
	}
}
