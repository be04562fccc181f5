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
		"no migration in the directory":                             func(f fstest.MapFS) { delete(f, "0001_one.up.sql") },
		"0001_one.down.sql: nothing runs a migration backward":      func(f fstest.MapFS) { f["0001_one.down.sql"] = text("") },
		"notes.txt: want a file 0001_name.up.sql":                   func(f fstest.MapFS) { f["notes.txt"] = text("") },
		"2_two.up.sql: want a file 0001_name.up.sql":                func(f fstest.MapFS) { f["2_two.up.sql"] = text(expand + create) },
		"0000_zero.up.sql: want a number from 0001 on":              func(f fstest.MapFS) { f["0000_zero.up.sql"] = text(expand + create) },
		"version 0001: two files have it":                           func(f fstest.MapFS) { f["0001_two.up.sql"] = text(expand + create) },
		"version 0002: missing, before 0003_three":                  func(f fstest.MapFS) { f["0003_three.up.sql"] = text(expand + create) },
		`or "-- kind: contract", got kind ""`:                       func(f fstest.MapFS) { f["0002_two.up.sql"] = text(create) },
		`got kind "extend"`:                                         func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: extend\n" + create) },
		"an expand with TRUNCATE TABLE":                             func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- because:\nTRUNCATE one") },
		"kind: says two things":                                     func(f fstest.MapFS) { f["0002_two.up.sql"] = text(contract + expand + create) },
		"an expand has no floor":                                    func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- floor: 1\n" + create) },
		"a contract wants a line":                                   func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n" + create) },
		`want a version from 1 to 1, which the release that serves`: func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: 2\n" + create) },
		`meanwhile has, got "0"`:                                    func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: 0\n" + create) },
		`meanwhile has, got "one"`:                                  func(f fstest.MapFS) { f["0002_two.up.sql"] = text("-- kind: contract\n-- floor: one\n" + create) },
		"0002_two.up.sql: want one statement, got 2":                func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + create + ";\n" + create + ";\n") },
		"0002_two.up.sql: want one statement, got 0":                func(f fstest.MapFS) { f["0002_two.up.sql"] = text(expand + "-- later;\n;") },
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

// What MySQL does comes from its manual: ALTER TABLE, CREATE TABLE, Comments, Data Type
// Default Values, Online DDL Operations (8.0).
func TestAnExpandIsWhatAReleaseThatServesSurvives(t *testing.T) {
	for _, code := range []string{
		"CREATE TABLE one (id INT, more INT NOT NULL)",
		"CREATE TABLE one (id INT, CONSTRAINT c FOREIGN KEY (id) REFERENCES two (id) ON DELETE RESTRICT ON UPDATE CASCADE)",
		"CREATE TABLE `drop;` (id INT) -- DELETE; this\n",
		"CREATE TABLE a (id INT COMMENT 'UPDATE; it''s', b INT /* MODIFY; */) # TRUNCATE;\n;",
		"--\tit's a tab\nCREATE TABLE one (id INT)",
		"ALTER TABLE one ADD COLUMN more VARCHAR(10) NULL COMMENT 'a DROP', ALGORITHM=INSTANT",
		"ALTER TABLE one ADD COLUMN more INT NOT NULL DEFAULT -1 AFTER id, LOCK=NONE",
		"ALTER TABLE one ADD (a INT, b DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6))",
		"ALTER TABLE one ADD INDEX (more), ADD COLUMN more INT",
		"ALTER TABLE one COMMENT 'version 9'",
		"CREATE INDEX i ON one (more) ALGORITHM=INPLACE LOCK=NONE",
		"CREATE VIEW v AS SELECT id FROM one",
	} {
		_, err := Read(files(map[string]string{"0001_one": expand + code}))
		assert.NoError(t, err, code)
	}
}

func TestAStatementThatAReleaseThatServesMayNotSurviveIsNoExpand(t *testing.T) {
	for code, why := range map[string]string{
		"ALTER TABLE one ADD COLUMN more INT NOT NULL":                                   "NOT NULL without a default",
		"ALTER TABLE one ADD COLUMN more INT NOT NULL DEFAULT NULL":                      "NOT NULL without a default",
		"ALTER TABLE one ADD COLUMN (a INT, more INT NULL NOT NULL)":                     "NOT NULL without a default",
		"ALTER TABLE one ADD COLUMN more INT NOT NULL -- DEFAULT 0\n":                    "NOT NULL without a default",
		"ALTER TABLE one ADD COLUMN more INT UNIQUE":                                     "a column with more than a default",
		"ALTER TABLE one ADD COLUMN more INT CHECK (more > 1)":                           "a column with more than a default",
		"ALTER TABLE one ADD COLUMN more SERIAL":                                         "a column with more than a default",
		"ALTER TABLE one ADD COLUMN more INT AS (id + 1)":                                "a column with more than a default",
		"ALTER TABLE one ADD COLUMN more INT REFERENCES two (id)":                        "a column with more than a default",
		"ALTER TABLE one ADD COLUMN more CHAR(36) DEFAULT (UUID())":                      "neither a constant nor the time",
		"ALTER TABLE one ADD COLUMN (a INT, UNIQUE (a))":                                 "constraint on rows",
		"ALTER TABLE one ADD UNIQUE (more)":                                              "constraint on rows",
		"ALTER TABLE one ADD FULLTEXT (more)":                                            "an index that blocks them",
		"ALTER TABLE one ADD FOREIGN KEY (a) REFERENCES b (c) ON DELETE RESTRICT":        "constraint on rows",
		"ALTER TABLE one ADD CHECK (a > 1)":                                              "constraint on rows",
		"ALTER TABLE one ADD INDEX ((a + 1))":                                            "an index on an expression",
		"ALTER TABLE one ADD COLUMN more INT, ALGORITHM=COPY":                            "blocks writes",
		"ALTER TABLE one ADD COLUMN more INT, LOCK=SHARED":                               "blocks writes",
		"ALTER TABLE one ADD COLUMN more INT, LOCK=EXCLUSIVE":                            "blocks writes",
		"ALTER TABLE one AUTO_INCREMENT = 7":                                             "an option other than COMMENT",
		"ALTER TABLE one ENGINE = MyISAM":                                                "an option other than COMMENT",
		"ALTER TABLE one ADD COLUMN more INT, DROP COLUMN id":                            "neither a new column",
		"ALTER TABLE one ALTER COLUMN id SET DEFAULT 3":                                  "neither a new column",
		"ALTER TABLE one MODIFY id BIGINT":                                               "neither a new column",
		"ALTER TABLE one CONVERT TO CHARACTER SET utf8mb4":                               "an option other than COMMENT",
		"ALTER TABLE one RENAME COLUMN a TO b":                                           "neither a new column",
		"ALTER TABLE one ALTER INDEX i INVISIBLE":                                        "neither a new column",
		"CREATE TABLE more SELECT * FROM one":                                            "filled from another",
		"CREATE TEMPORARY TABLE more (id INT)":                                           "is temporary",
		"CREATE UNIQUE INDEX i ON one (a)":                                               "a unique, full-text or spatial index",
		"CREATE FULLTEXT INDEX i ON one (a)":                                             "a unique, full-text or spatial index",
		"CREATE INDEX i ON one ((a + 1))":                                                "an index on an expression",
		"CREATE INDEX i ON one (a) LOCK=SHARED":                                          "blocks writes",
		"CREATE OR REPLACE VIEW v AS SELECT 1":                                           "CREATE OR REPLACE VIEW",
		"UPDATE one SET more = 1":                                                        "with UPDATE",
		"DELETE FROM one":                                                                "with DELETE",
		"INSERT INTO one VALUES (1)":                                                     "with INSERT",
		"DROP INDEX a ON one":                                                            "with DROP INDEX",
		"TRUNCATE one":                                                                   "with TRUNCATE TABLE",
		"RENAME TABLE one TO two":                                                        "with RENAME TABLE",
		"--\tit's\nDROP TABLE one":                                                       "with DROP TABLE",
		"/* it's */ DROP TABLE one":                                                      "with DROP TABLE",
		"# it's\nDROP TABLE one -- '":                                                    "with DROP TABLE",
		"DROP TRIGGER t":                                                                 "that the parser does not know",
		"ALTER TABLE one ADD COLUMN place POINT":                                         "that the parser does not know",
		"CREATE TRIGGER t BEFORE INSERT ON one FOR EACH ROW BEGIN SET NEW.a=1; END":      "with CREATE TRIGGER",
		"CREATE DEFINER=`a`@`b` TRIGGER t AFTER UPDATE ON one FOR EACH ROW SET NEW.a= 1": "with CREATE TRIGGER",
		"CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END":                             "with PROCEDURE",
	} {
		set := map[string]string{"0001_one": expand + create, "0002_two": expand + code}
		_, err := Read(files(set))
		assert.ErrorContains(t, err, "0002_two.up.sql: an expand ", code)
		assert.ErrorContains(t, err, why, code)
		for _, reviewed := range []string{contract, "-- kind: expand\n-- because: somebody has thought of it\n"} {
			set["0002_two"] = reviewed + code
			_, err = Read(files(set))
			assert.NoError(t, err, code)
		}
	}
}

func TestWhatCouldStopHalfWayIsRefusedHoweverItIsCalled(t *testing.T) {
	for code, why := range map[string]string{
		create + "; DROP TABLE one":                                                      "want one statement, got 2",
		"--\tit's\n" + create + ";\n" + create + " -- '":                                 "want one statement, got 2",
		"CREATE TRIGGER t BEFORE INSERT ON one FOR EACH ROW SET NEW.a=1; DROP TABLE one": "want one statement, got 2",
		"CALL p()":                            "wholly or not at all, got CALL",
		"SELECT f()":                          "wholly or not at all, got SELECT",
		"BEGIN":                               "wholly or not at all, got BEGIN",
		"LOAD DATA INFILE 'a' INTO TABLE one": "wholly or not at all, got LOAD DATA",
		"USE another":                         "wholly or not at all, got USE",
		"DELIMITER //":                        "the parser does not understand",
		"/*!50000 DROP TABLE one */":          "some servers run",
		"ALTER TABLE one ADD COLUMN more INT NOT NULL /*T! DEFAULT 0 */": "some servers run",
		"ALTER TABLE one ADD COLUMN more INT NOT NULL /*M! DEFAULT 0 */": "some servers run",
		"ALTER TABLE one COMMENT '\x00'":                                 "text in UTF-8",
		"ALTER TABLE one COMMENT '\xff'":                                 "text in UTF-8",
	} {
		for _, kind := range []string{expand, contract, "-- kind: expand\n-- because: somebody has thought of it\n"} {
			_, err := Read(files(map[string]string{"0001_one": expand + create, "0002_two": kind + code}))
			assert.ErrorContains(t, err, why, code)
		}
	}
}

func TestAByteOrderMarkIsNoPartOfTheStatement(t *testing.T) {
	set, err := Read(files(map[string]string{"0001_one": "\ufeff-- kind: expand\r\n" + create}))
	require.NoError(t, err)
	assert.Equal(t, "-- kind: expand\r\n"+create, set.Migrations[0].statement, "the server would refuse it")
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
	content := os.DirFS("../sql")
	set, err := Read(content)
	require.NoError(t, err)
	require.GreaterOrEqual(t, set.Version(), 3)
	for name, want := range map[string][]string{
		"0001_wallets.up.sql":       {"id", "userId", "balance", "status", "createdAt", "updatedAt"},
		"0002_transaction.up.sql":   {"id", "walletId", "type", "amount", "referenceId", "description", "status", "destinationWalletId", "createdAt"},
		"0003_outbox_events.up.sql": {"id", "aggregate_type", "aggregate_id", "event_type", "event_data", "created_at", "processed_at", "version"},
	} {
		statement, err := os.ReadFile("../sql/" + name)
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
